import { columnSql, generatedSql } from "./declaration/batch_sql.ts";
import { ColumnReader } from "./declaration/columns.ts";
import { derivable, DerivedExpression, faulty } from "./declaration/derived.ts";
import { Faults, shown } from "./declaration/faults.ts";
import { membersOf } from "./declaration/members.ts";
import { checkNames, named, presented } from "./declaration/names.ts";
import type { EventSchema } from "./events.ts";
import { fieldsOf } from "./expressions/expression.ts";
import { isNumeric } from "./measures/measure.ts";
import {
  columnsOfMeasures,
  type DerivedColumn,
  type Measure,
  type Plugin,
  type PluginDeclaration,
} from "./plugin.ts";

/**
 * Declares a metric. The module has it as its default export and no side effects. The functions of
 * the declaration are called once, here: what they return are expressions, from which both layers
 * follow.
 *
 * @param source the schema of the events.
 * @throws {DeclarationError} a TypeError that names the plugin and all that is wrong with it.
 * @example
 * ```ts
 * import { definePlugin } from "./define_plugin.ts";
 * import { avg, count } from "./plugin.ts";
 * import { decimal, defineSchema, instant, string } from "./events.ts";
 * const visits = defineSchema({
 *   topic: "visits", version: 1, summary: "", eventId: "id", eventTime: "at", partitionKey: "page",
 *   fields: {
 *     id: string(), at: instant(), page: string(),
 *     seconds: decimal({ scale: 1, min: 0, max: 3600, nullable: true }),
 *   },
 * });
 * const plugin = definePlugin(visits, {
 *   name: "visits",
 *   summary: "Visits that ended, per page",
 *   where: ({ seconds }) => seconds.isNotNull(),
 *   key: ({ page }) => ({ page: page.lower() }),
 *   measures: ({ seconds }) => ({ visit_count: count(), mean_seconds: avg(seconds) }),
 * });
 * if (plugin.present.sort !== "-visit_count") throw new Error("unexpected");
 * ```
 */
export function definePlugin<
  const S extends EventSchema,
  const M extends string,
  const K extends string,
  const D extends string = never,
>(source: S, declaration: PluginDeclaration<S, K, M, D>): Plugin {
  const faults = new Faults();
  const given = declaration as unknown as PluginDeclaration | undefined;
  if (source?.fieldNames === undefined) {
    faults.add(`its first argument must be a schema of defineSchema(), got ${shown(source)}`);
  }
  if (given === null || typeof given !== "object") {
    faults.add(`its second argument must be a declaration, got ${shown(given)}`);
  }
  faults.throwAny(given?.name ?? "");
  const plugin = read(source, given!, faults);
  faults.throwAny(given!.name);
  return Object.freeze(plugin);
}

/** A relation has no range of time, across which sessions could be joined. */
function checkRelations(
  members: ReturnType<typeof membersOf>,
  { measureColumns, shownColumns }: Pick<Plugin, "measureColumns" | "shownColumns">,
  faults: Faults,
): void {
  const readsAny = (sql: string, names: readonly string[]) =>
    names.some((name) => new RegExp(`\\b${name}\\b`).test(sql));
  const joined = measureColumns.filter(({ joinSeconds }) => joinSeconds !== undefined)
    .map(({ name }) => name);
  const shownJoined = shownColumns.filter(({ sql }) => readsAny(sql, joined))
    .map(({ name }) => name);
  for (const group of ["stream", "batch", "merged"] as const) {
    for (const [name, sql] of Object.entries(members[group]?.relation.columns ?? {})) {
      if (!readsAny(sql, [...joined, ...shownJoined])) continue;
      faults.add(
        `${group}.relation.columns.${name} reads a measure of sessions, which relations do not ` +
          "have: leave it out, and ask the API for sessions",
      );
    }
  }
}

function read(source: EventSchema, given: PluginDeclaration, faults: Faults): Plugin {
  const members = membersOf(given, faults);
  const reader = new ColumnReader(source, faults);
  const fields = fieldsOf(source);
  const condition = given.where && faults.call("where", given.where, fields);
  const where = condition ? reader.where(condition.returned) : undefined;
  const keys = given.key === undefined ? {} : named(faults, "key", given.key, fields);
  const keyColumns = Object.entries(keys).flatMap(([name, value]) => reader.key(name, value) ?? []);
  const declared = named(faults, "measures", given.measures, fields);
  const measures: Record<string, Measure> = {};
  for (const [name, value] of Object.entries(declared)) {
    const measure = reader.measure(name, value as Measure);
    if (measure !== null) measures[name] = measure;
  }
  const { computed } = reader;
  const sqlOf = columnSql({ computed, keyColumns, measures });
  for (const [name, measure] of Object.entries(measures)) {
    try {
      columnsOfMeasures({ source, computed, measures: { [name]: measure } });
    } catch (error) {
      faults.add((error as Error).message);
      delete measures[name];
    }
  }
  const { measureColumns, shownColumns } = columnsOfMeasures({ source, computed, measures });
  const stored = measureColumns.map(({ name }) => name);
  const ofMeasures = [...Object.keys(declared), ...shownColumns.map(({ name }) => name)];
  const texts = shownColumns.filter((shown) => !isNumeric(shown)).map(({ name }) => name);
  const derive = derivedOf(
    given,
    derivable([...new Set([...ofMeasures, ...stored])], texts),
    faults,
  );
  const columns = columnsOfMeasures({ source, computed, measures, derive }, sqlOf);
  if (Object.keys(declared).length === 0) faults.add("it needs at least one measure");
  const joinedOnly = columns.measureColumns.every(({ joinSeconds }) => joinSeconds !== undefined);
  if (joinedOnly && keyColumns.length === 0 && !faults.any) {
    faults.add("it needs a key, or a measure beside sessions, for its relations to show");
  }
  if (!faults.any) checkRelations(members, columns, faults);
  const keyNames = Object.keys(keys);
  // Where a measure is at fault, what it would show is not known.
  const shownNames = faults.any
    ? [...new Set([...ofMeasures, ...Object.keys(derive)])]
    : columns.shownColumns.map(({ name }) => name);
  checkNames(keyNames, stored, shownNames, faults);
  const present = presented(given, keyNames, shownNames, faults);
  const plugin = {
    ...members,
    source,
    where,
    computed,
    keyColumns,
    measures,
    derive,
    ...columns,
    present,
  };
  const { grain, sql = faults.any ? "" : generatedSql({ ...plugin, grain }) } = members.batch;
  return { ...plugin, batch: { ...members.batch, sql } };
}

function derivedOf(
  { derive }: PluginDeclaration,
  measures: Readonly<Record<string, DerivedExpression>>,
  faults: Faults,
): Plugin["derive"] {
  const derived: Record<string, DerivedColumn> = {};
  const given = derive === undefined ? {} : named(faults, "derive", derive, measures);
  for (const [name, value] of Object.entries(given)) {
    const { sql, node, fault, declaredUnit: unit } = value instanceof DerivedExpression
      ? value
      : faulty(`expected an expression of the measures, got ${shown(value)}`);
    if (fault === null) derived[name] = { sql, node, unit };
    else faults.add(`derive "${name}": ${fault}`);
  }
  return derived;
}
