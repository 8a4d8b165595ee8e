import type { Warehouse } from "../ports/ports.ts";
import { onEveryServer } from "./warehouse_check.ts";

/** A batch or speed table of one generation. */
export interface StateTable {
  readonly name: string;
  readonly plugin: string;
  readonly generation: string;
  /** When it was made or last written, in milliseconds since 1970 UTC. */
  readonly writtenMs: number;
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
/** On a cluster, the part of a table that a server holds; it goes with the table. */
const LOCAL = /_local$/;

/** The batch and speed tables of all generations, and the views over them, as the warehouse has them. */
export async function readStateTables(
  warehouse: Pick<Warehouse, "query" | "database" | "cluster">,
): Promise<{ readonly tables: StateTable[]; readonly views: StateView[] }> {
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
  const writtenOf = (name: string) =>
    Math.max(written.get(name) ?? 0, written.get(`${name}_local`) ?? 0);
  const tables = rows.flatMap(({ name, made }) => {
    const [, plugin, generation] = BATCH.exec(name) ?? SPEED.exec(name) ?? [];
    if (plugin === undefined || LOCAL.test(name)) return [];
    return { name, plugin, generation, writtenMs: Math.max(Number(made), writtenOf(name)) };
  });
  const views = rows.flatMap(({ name, select }) => {
    const read = select.match(/\bstate_(?:batch|speed)_\w+/g);
    return read === null ? [] : { name, select, tables: new Set<string>(read) };
  });
  return { tables, views };
}
