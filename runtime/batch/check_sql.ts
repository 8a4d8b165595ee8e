/** Whether a plugin's batch SQL can run, found out before anything of it runs. */
import { TwofoldError, UserError } from "../std/errors.ts";
import type { EventSchema } from "../events.ts";
import type { Plugin } from "../plugin.ts";
import type { Warehouse } from "../ports/ports.ts";
import { isAllowedFunction } from "../sql/sql_functions.ts";
import { type StatementFacts, statementFacts } from "../sql/statement_facts.ts";
import { emptySql } from "../std/sql_text.ts";
import { checkColumns, grainRowsSql } from "./events_sql.ts";

/**
 * Allowed functions whose value is no function of the events: it depends on the clock, on chance, on
 * the process, or on the order in which the engine happens to read rows.
 */
const IMPURE = new Set(
  `now now64 today yesterday curdate current_date current_timestamp localtime localtimestamp
   utctimestamp utc_timestamp
   rand rand64 randcanonical randnormal randomstring randuniform generateuuidv4 generateuuidv7
   arrayshuffle arraypartialshuffle arrayrandomsample
   version timezone currentdatabase current_database database schema rownumberinallblocks
   any any_respect_nulls any_value any_value_respect_nulls anyheavy anylast anylast_respect_nulls
   first_value first_value_respect_nulls last_value last_value_respect_nulls
   grouparraysample`.split(/\s+/),
);

/** What may follow the name of an aggregate. */
const COMBINATORS = /(If|Array|Distinct|OrNull|OrDefault|Map|ForEach|State|Merge)+$/;

const isImpure = (name: string) =>
  IMPURE.has(name.toLowerCase()) || IMPURE.has(name.replace(COMBINATORS, "").toLowerCase());

/** What {@link checkBatchSql} checks. */
export interface CheckedPlugin {
  readonly plugin: Plugin;
  readonly batchSql: string;
  /** The columns of `events` with their ClickHouse types. */
  readonly columns: readonly (readonly [name: string, type: string])[];
}

/**
 * Checks the batch SQL of a plugin with the engine: one SELECT that reads `events` and no other
 * table, calls functions whose value follows from the events alone, and returns `bucket`, the keys
 * and the measures in types that can be stored. Nothing of the SQL runs.
 *
 * @throws {UserError} naming the plugin and the part at fault.
 * @throws {ExternalError} when the warehouse does not answer.
 */
export async function checkBatchSql(
  warehouse: Pick<Warehouse, "query">,
  { plugin, batchSql, columns }: CheckedPlugin,
): Promise<void> {
  const refused = (why: string, cause?: unknown) =>
    new UserError(`Cannot run the batch SQL of plugin "${plugin.name}": ${why}`, { cause });
  const facts = await statementFacts(warehouse, batchSql).catch((error) => {
    throw error instanceof SyntaxError ? refused(error.message, error) : error;
  });
  const fault = faultOf(facts, await tablesAmong(warehouse, facts.inNames));
  if (fault !== null) throw refused(fault);
  const events = noEvents(plugin.source, columns);
  const checked = { tables: { plugin }, batchSql: facts.sql };
  try {
    await checkColumns(warehouse, checked, events);
    // Reads the casts to the types of the batch table.
    const rows = grainRowsSql(checked, events);
    await warehouse.query(`DESCRIBE TABLE (\n${rows}\n)`, { params: { days: [] } });
  } catch (error) {
    const ofStatement = error instanceof TwofoldError && error.fault === "internal";
    throw ofStatement ? refused(error.message.replace(/^Cannot [^:]*: /, ""), error) : error;
  }
}

/** Why a statement is no batch SQL; null where it is. */
function faultOf(facts: StatementFacts, inTables: readonly string[]): string | null {
  if (facts.kind !== "SelectWithUnionQuery") return `expected one SELECT; got ${facts.kind}`;
  if (facts.output) return "FORMAT and INTO OUTFILE are not allowed";
  if (facts.settings) return "SETTINGS are not allowed";
  const [tableFunction] = facts.tableFunctions;
  if (tableFunction !== undefined) return `table function ${tableFunction} is not allowed`;
  const table = [...facts.tables, ...inTables].find((name) => name !== "events");
  if (table !== undefined) return `it reads table ${table}; batch SQL reads events and no other`;
  const unlisted = facts.functions.find((name) => !isAllowedFunction(name));
  if (unlisted !== undefined) return `function ${unlisted} is unknown or not allowed`;
  const impure = facts.functions.find(isImpure);
  return impure === undefined
    ? null
    : `function ${impure} is not allowed: its value does not follow from the events alone` +
      (/^(any|first|last)/i.test(impure) ? "; where all values are equal, use min" : "");
}

/** Which names at the right of an IN are tables: others are columns or aliases that hold a list. */
async function tablesAmong(
  warehouse: Pick<Warehouse, "query">,
  names: readonly string[],
): Promise<string[]> {
  const plain = names.filter((name) => !name.includes("."));
  const rows = plain.length === 0 ? [] : await warehouse.query<{ name: string }>(
    `SELECT name FROM system.tables WHERE database = currentDatabase() AND name IN {names:Array(String)}`,
    { params: { names: plain } },
  );
  return [...names.filter((name) => name.includes(".")), ...rows.map(({ name }) => name)];
}

/** `events` without rows. */
function noEvents({ eventTime }: EventSchema, columns: CheckedPlugin["columns"]): string {
  return `SELECT *, event_time AS ${eventTime} FROM ${emptySql(columns)}`;
}
