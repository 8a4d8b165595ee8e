import type { Warehouse } from "../ports/ports.ts";
import { onEveryServer } from "./warehouse_check.ts";

/** A ledger of one topic, log and settings. */
export interface LedgerTable {
  readonly name: string;
  /** When it was made or last written, in milliseconds since 1970 UTC. */
  readonly writtenMs: number;
}

/** A batch or speed table of one generation. */
export interface StateTable extends LedgerTable {
  readonly plugin: string;
  readonly generation: string;
}

/** A view that reads such tables. */
export interface StateView {
  readonly name: string;
  readonly select: string;
  /** Names of the tables that it reads. */
  readonly tables: ReadonlySet<string>;
}

const BATCH = /^state_batch_([a-z0-9_]+)_(v\d+_[0-9a-f]{8})$/;
const SPEED = /^state_speed_([a-z0-9_]+?)_(v\d+_[0-9a-f]{8})_\w+$/;
const LEDGER = /^state_ledger_/;
/** On a cluster, the part of a table that a server holds; it goes with the table. */
const LOCAL = /_local$/;

/** All tables of generations, the views over them, and all ledgers, as the warehouse has them. */
export async function readStateTables(
  warehouse: Pick<Warehouse, "query" | "database" | "cluster">,
): Promise<{
  readonly tables: StateTable[];
  readonly views: StateView[];
  readonly ledgers: LedgerTable[];
}> {
  const rows = await warehouse.query<{ name: string; select: string; made: number }>(
    `SELECT name, as_select AS select, 1000 * toUnixTimestamp(metadata_modification_time) AS made
FROM system.tables WHERE database = currentDatabase() ORDER BY name`,
  );
  const parts = await warehouse.query<{ name: string; written: number }>(
    `SELECT table AS name, 1000 * toUnixTimestamp(max(modification_time)) AS written
FROM ${onEveryServer(warehouse, "system.parts")}
WHERE database = {database:String} AND active GROUP BY table`,
    { params: { database: warehouse.database } },
  );
  const written = new Map(parts.map(({ name, written }) => [name, Number(written)]));
  const all = rows.filter(({ name }) => !LOCAL.test(name)).map(({ name, made }) => {
    const times = [name, `${name}_local`].map((each) => written.get(each) ?? 0);
    return { name, writtenMs: Math.max(Number(made), ...times) };
  });
  const tables = all.flatMap((table) => {
    const [, plugin, generation] = BATCH.exec(table.name) ?? SPEED.exec(table.name) ?? [];
    return plugin === undefined ? [] : { ...table, plugin, generation };
  });
  const views = rows.flatMap(({ name, select }) => {
    const read = select.match(/\bstate_(?:batch|speed)_\w+/g);
    return read === null ? [] : { name, select, tables: new Set<string>(read) };
  });
  return { tables, views, ledgers: all.filter(({ name }) => LEDGER.test(name)) };
}
