/**
 * The plugin contract: a metric declared once, registered for the speed and the batch layer.
 */
import { clickHouseType, type EventOf, type EventSchema, type Field } from "./events.ts";
import {
  type DefinedMeasure,
  finiteSql,
  type Measure,
  type MeasureColumn,
  type ShownMeasure,
  type StateOf,
} from "./measures/measure.ts";
import { measureKinds } from "./measures/measures.ts";

export * from "./measures/measures.ts";
export type { Measure, MeasureColumn } from "./measures/measure.ts";

/** A tumbling window of event time. */
export interface Window {
  readonly kind: "tumbling";
  /** Whole seconds; divides the grain. */
  readonly sizeSeconds: number;
}

/**
 * Consecutive windows of one size, aligned to 1970 UTC.
 *
 * @param size a whole number and `s`, `m` or `h`, such as `"10s"`.
 * @example
 * ```ts
 * import { tumbling } from "./plugin.ts";
 * if (tumbling("5m").sizeSeconds !== 300) throw new Error("unexpected");
 * ```
 */
export function tumbling(size: string): Window {
  const match = /^([1-9][0-9]{0,5})([smh])$/.exec(size);
  if (!match) {
    throw new TypeError(`Cannot make window: size must be like "10s", "5m", "1h", got "${size}"`);
  }
  const unit = { s: 1, m: 60, h: 3600 }[match[2] as "s" | "m" | "h"];
  return { kind: "tumbling", sizeSeconds: Number(match[1]) * unit };
}

/** A readable SQL view over a layer's state. */
export interface Relation {
  readonly name: string;
  /**
   * What it groups by, as SQL over the keys and (batch only) `bucket`, the start of the grain.
   * Default: the plugin's keys.
   */
  readonly by?: Readonly<Record<string, string>>;
  /** Its other columns, as SQL over the shown measures. Default: every shown measure. */
  readonly columns?: Readonly<Record<string, string>>;
}

/** A key column that a function computes, for what is not a field as it is. */
export interface ComputedKey<S extends EventSchema> {
  readonly type: Field;
  readonly of: (event: EventOf<S>) => string | number | boolean;
}

/** What {@link definePlugin} takes. */
export interface PluginDeclaration<S extends EventSchema = EventSchema> {
  /** snake_case; the metric's name in the API. */
  readonly name: string;
  /** Raised when the meaning changes: answers of two versions never mix. */
  readonly version: number;
  readonly summary: string;
  readonly source: S;
  /** Which events count; pure. Default: all. */
  readonly where?: (event: EventOf<S>) => boolean;
  /** Key columns by name: a field's name, or a function with a type. */
  readonly key: Readonly<Record<string, (keyof S["fields"] & string) | ComputedKey<S>>>;
  readonly measures: Readonly<Record<string, Measure>>;
  /**
   * Shown after the merge, as SQL over the measures' columns, each a Float64 (a `uniq` is its number
   * of distinct values); null where it is not finite.
   */
  readonly derive?: Readonly<Record<string, string>>;
  readonly stream: { readonly window: Window; readonly relation: Relation };
  readonly batch: {
    /** A path below `sql/`, or the SQL itself: reads `events`; see docs/plugins.md. */
    readonly sql: string;
    readonly grain: Grain;
    readonly relation: Relation;
  };
  /** The merged view. Default `merged_<name>` with the plugin's keys. */
  readonly merged?: { readonly relation: Relation };
  readonly present: {
    readonly title: string;
    /** How a time series of the metric is drawn; one of several keys is always lines. */
    readonly chart: "bar" | "line";
    /** The key named in heading and caption of the metric's page: `movie_id` gives "By movie id". */
    readonly by: string;
    /** A shown column, descending with a leading `-`. */
    readonly sort: string;
    /** A component of `islands/` that stands on the metric's page, too; see docs/plugins.md. */
    readonly island?: PluginIsland;
  };
}

/** A component; what it is given is the page's matter. */
export type PluginIsland = (props: never) => unknown;

/** The time bucket of the batch and merged views. */
export type Grain = "hour" | "day";

/** Seconds in a grain. */
export const grainSeconds: Readonly<Record<Grain, number>> = { hour: 3600, day: 86400 };

/** A key column. */
export interface KeyColumn {
  readonly name: string;
  readonly type: Field;
  /** ClickHouse type in every table of the plugin. */
  readonly sqlType: string;
  /** Set when the key is a field of the schema as it is. */
  readonly field?: string;
  /** Set when the key is computed. */
  readonly of?: (event: Readonly<Record<string, unknown>>) => string | number | boolean;
}

/** A shown column: what the API and the relations give after the merge. */
export interface ShownColumn extends Omit<ShownMeasure, "of"> {
  /** The same in this process; null where it is derived. */
  readonly of: ((stateOf: StateOf) => number | null) | null;
}

/** A validated plugin with everything that both layers derive from its declaration. */
export interface Plugin extends Omit<PluginDeclaration, "where" | "key"> {
  readonly where?: (event: Readonly<Record<string, unknown>>) => boolean;
  readonly key: PluginDeclaration["key"];
  readonly keyColumns: readonly KeyColumn[];
  readonly measureColumns: readonly MeasureColumn[];
  readonly shownColumns: readonly ShownColumn[];
}

/**
 * Declares a metric. The module has it as its default export and no side effects.
 *
 * @throws {TypeError} naming the plugin and what is wrong with it.
 * @example
 * ```ts
 * import { count, definePlugin, tumbling } from "./plugin.ts";
 * import { defineSchema, instant, string, uint32 } from "./events.ts";
 * const visits = defineSchema({
 *   topic: "visits", version: 1, summary: "", eventId: "id", eventTime: "at", partitionKey: "page",
 *   fields: { id: string(), at: instant(), page: uint32() },
 * });
 * const plugin = definePlugin({
 *   name: "visits", version: 1, summary: "Visits per page", source: visits,
 *   key: { page: "page" },
 *   measures: { visit_count: count() },
 *   stream: { window: tumbling("10s"), relation: { name: "stream_visits" } },
 *   batch: {
 *     sql: "SELECT toStartOfHour(event_time) AS bucket, page, count() AS visit_count " +
 *       "FROM events GROUP BY bucket, page",
 *     grain: "hour",
 *     relation: { name: "batch_visits" },
 *   },
 *   present: { title: "Visits", chart: "bar", by: "page", sort: "-visit_count" },
 * });
 * if (plugin.measureColumns[0].sqlType !== "UInt64") throw new Error("unexpected");
 * ```
 */
export function definePlugin<const S extends EventSchema>(
  declaration: PluginDeclaration<S>,
): Plugin {
  const plain = declaration as unknown as PluginDeclaration;
  const { name, version, source, stream, batch } = plain;
  const fault = (what: string) => new TypeError(`Cannot define plugin "${name}": ${what}`);
  if (!/^[a-z][a-z0-9_]{0,59}$/.test(name)) throw fault("name must be snake_case");
  if (!Number.isSafeInteger(version) || version < 1) {
    throw fault(`version must be 1 or more, got ${version}`);
  }
  const grain = grainSeconds[batch.grain];
  if (grain === undefined) throw fault(`batch.grain must be hour or day, got "${batch.grain}"`);
  const { sizeSeconds } = stream.window;
  if (grain % sizeSeconds !== 0) {
    throw fault(`stream.window must divide the grain of ${grain} s, got ${sizeSeconds} s`);
  }
  const keyColumns = Object.entries(plain.key).map(([key, from]) =>
    keyColumn(source, key, from, fault)
  );
  const { measureColumns, shownColumns } = columnsOfMeasures(plain);
  if (measureColumns.length === 0) throw fault("it needs at least one measure");
  const names = [...keyColumns, ...measureColumns].map((column) => column.name);
  for (const column of [...names, ...shownColumns.map((s) => s.name)]) {
    if (!/^[a-z][a-z0-9_]*$/.test(column)) throw fault(`column "${column}" must be snake_case`);
    if (reserved.has(column)) throw fault(`column "${column}" has a reserved name`);
  }
  if (new Set(names).size !== names.length) {
    throw fault(`two columns have one name: ${names.join(", ")}`);
  }
  checkPresent(plain, keyColumns.map((k) => k.name), shownColumns.map((s) => s.name), fault);
  return Object.freeze({ ...plain, keyColumns, measureColumns, shownColumns } as Plugin);
}

/**
 * Whether a plugin has functions of the event: a `where`, or a computed key.
 *
 * @example
 * ```ts
 * import { hasFunctions, type Plugin } from "./plugin.ts";
 * const plugin = { keyColumns: [], where: () => true } as unknown as Plugin;
 * if (!hasFunctions(plugin)) throw new Error("unexpected");
 * ```
 */
export function hasFunctions({ where, keyColumns }: Plugin): boolean {
  return where !== undefined || keyColumns.some((key) => key.of !== undefined);
}

/** Names that the tables use beside a plugin's own columns. */
const reserved = new Set([
  ...["kind", "partition", "block", "window_start", "window_end", "version", "run", "level", "day"],
  ...["bucket", "cut", "full_run", "day_rows", "events", "log", "frontier"],
]);

const keyKinds = ["uint32", "enumeration", "string", "boolean"];

const charts: readonly string[] = ["bar", "line"] satisfies PluginDeclaration["present"]["chart"][];

type Faulty = (what: string) => TypeError;

function checkPresent(
  { present: { chart, by, sort } }: PluginDeclaration,
  keys: readonly string[],
  shown: readonly string[],
  fault: Faulty,
): void {
  if (!charts.includes(chart)) {
    throw fault(`present.chart must be ${charts.join(" or ")}, got "${chart}"`);
  }
  // Without keys there is one row, and nothing that it could be by.
  if (keys.length > 0 && !keys.includes(by)) {
    throw fault(`present.by must be one of ${keys.join(", ")}, got "${by}"`);
  }
  const sortable = [...keys, ...shown];
  if (!sortable.includes(sort.replace(/^-/, ""))) {
    throw fault(`present.sort must be one of ${sortable.join(", ")}, got "${sort}"`);
  }
}

function keyColumn(
  source: EventSchema,
  name: string,
  from: string | ComputedKey<EventSchema>,
  fault: Faulty,
): KeyColumn {
  if (typeof from !== "string") {
    return { name, ...keyType(name, from.type, fault), of: from.of as KeyColumn["of"] };
  }
  if (!Object.hasOwn(source.fields, from)) {
    throw fault(`key "${name}" names the field "${from}", which is not declared`);
  }
  return { name, ...keyType(name, source.fields[from], fault), field: from };
}

function keyType(name: string, type: Field, fault: Faulty): Pick<KeyColumn, "type" | "sqlType"> {
  if (type.nullable || !keyKinds.includes(type.kind)) {
    const kinds = `${keyKinds.slice(0, -1).join(", ")} or ${keyKinds.at(-1)}`;
    throw fault(`key "${name}" must be a ${kinds} that is not nullable`);
  }
  return { type, sqlType: clickHouseType(type) };
}

/**
 * The columns that follow from a plugin's measures. A stored declaration is data: this gives it the
 * functions of its measures.
 *
 * @throws {TypeError} naming the plugin and the measure at fault.
 * @example
 * ```ts
 * import { columnsOfMeasures, count } from "./plugin.ts";
 * import { defineSchema, instant, string } from "./events.ts";
 * const source = defineSchema({
 *   topic: "visits", version: 1, summary: "", eventId: "id", eventTime: "at", partitionKey: "id",
 *   fields: { id: string(), at: instant() },
 * });
 * const measures = JSON.parse(JSON.stringify({ visits: count() }));
 * const { measureColumns } = columnsOfMeasures({ name: "visits", source, measures });
 * if (measureColumns[0].mergeSql("visits") !== "sum(visits)") throw new Error("unexpected");
 * ```
 */
export function columnsOfMeasures(
  { name, source, measures, derive = {} }: Pick<
    PluginDeclaration,
    "name" | "source" | "measures" | "derive"
  >,
): Pick<Plugin, "measureColumns" | "shownColumns"> {
  const fault = (what: string) => new TypeError(`Cannot define plugin "${name}": ${what}`);
  const defined = Object.entries(measures).map(([name, measure]) =>
    definedMeasure(source, name, measure, fault)
  );
  const measureColumns = distinct(defined.flatMap(({ columns }) => columns));
  const floats = new Map(
    measureColumns.map((column) => [column.name, column.floatSql(`merged.${column.name}`)]),
  );
  const derived = Object.entries(derive).map(([name, sql]): ShownColumn => {
    const asFloats = sql.replace(/\b[a-z][a-z0-9_]*\b/g, (word) => floats.get(word) ?? word);
    return { name, type: "number", sql: finiteSql(asFloats), of: null };
  });
  return { measureColumns, shownColumns: [...defined.flatMap(({ shown }) => shown), ...derived] };
}

/** Measures may share a column: then it is kept once. */
function distinct(columns: readonly MeasureColumn[]): readonly MeasureColumn[] {
  const named = (column: MeasureColumn) => JSON.stringify([column.name, ...column.meaning]);
  return [...new Map(columns.map((column) => [named(column), column])).values()];
}

function definedMeasure(
  source: EventSchema,
  name: string,
  measure: Measure,
  fault: Faulty,
): DefinedMeasure {
  const { kind, field: fieldName = "" } = measure;
  if (!Object.hasOwn(measureKinds, kind)) throw fault(`measure "${name}" has no kind "${kind}"`);
  const { takes, define } = measureKinds[kind];
  if (takes.length > 0 && !Object.hasOwn(source.fields, fieldName)) {
    throw fault(`measure "${name}" names the field "${fieldName}", which is not declared`);
  }
  const field = source.fields[fieldName];
  if (takes.length > 0 && !takes.includes(field.kind)) {
    throw fault(
      `measure "${name}": ${kind} does not take the ${field.kind} field "${fieldName}"`,
    );
  }
  return define({ name, measure, fieldName, field });
}
