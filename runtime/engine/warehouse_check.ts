/** Looks for damage in ClickHouse's tables, by ClickHouse's own checksums, on every server. */
import { DamagedError, messageOf } from "../std/errors.ts";
import type { StatementOptions, Warehouse } from "../ports/ports.ts";

/** A table that keeps rows. */
export interface StoredTable {
  readonly name: string;
  /** On all servers together. */
  readonly sizeBytes: number;
}

/** What a statement reads to see a table, or a system table, of all replicas of all shards. */
export function onEveryServer({ cluster }: Pick<Warehouse, "cluster">, table: string): string {
  return cluster ? `clusterAllReplicas('${cluster}', ${table})` : table;
}

/** The tables of the database. */
export async function storedTables(warehouse: Warehouse): Promise<StoredTable[]> {
  const rows = await warehouse.query<{ name: string; bytes: number | string }>(
    `SELECT name, sum(total_bytes) AS bytes FROM ${onEveryServer(warehouse, "system.tables")}
WHERE database = {database:String} AND engine LIKE '%MergeTree' GROUP BY name ORDER BY name`,
    { params: { database: warehouse.database } },
  );
  return rows.map(({ name, bytes }) => ({ name, sizeBytes: Number(bytes) }));
}

/**
 * Parts that ClickHouse could not load and set aside: their rows are missing from every answer, or,
 * on a cluster, were fetched again from another replica.
 *
 * @returns a fault per part.
 */
export async function detachedParts(warehouse: Warehouse): Promise<DamagedError[]> {
  const rows = await warehouse.query<{ table: string; name: string; server: string }>(
    `SELECT table, name, hostName() AS server
FROM ${onEveryServer(warehouse, "system.detached_parts")}
WHERE database = {database:String} AND startsWith(reason, 'broken') ORDER BY table, name, server`,
    { params: { database: warehouse.database } },
  );
  return rows.map(({ table, name, server }) =>
    warehouse.cluster
      ? new DamagedError(
        `table ${table}, part ${name}, server ${server}`,
        "ClickHouse could not read the part and set it aside; if CHECK TABLE passes on this server " +
          "and system.replicas has lost_part_count = 0, a replica has replaced it: remove it with " +
          "ALTER TABLE … DROP DETACHED PART",
      )
      : new DamagedError(
        `table ${table}, part ${name}`,
        "ClickHouse could not read the part and set it aside",
      )
  );
}

/** Reads every byte of a table and compares checksums; returns a fault per part. */
export async function checkTable(
  warehouse: Warehouse,
  { name }: StoredTable,
  options: StatementOptions = {},
): Promise<DamagedError[]> {
  if (warehouse.cluster) return await readEveryReplica(warehouse, name, options);
  const rows = await warehouse.query<{ part_path: string; is_passed: number; message: string }>(
    `CHECK TABLE ${name}`,
    { ...options, settings: { check_query_single_value_result: 0 } },
  );
  return rows.filter(({ is_passed: passed }) => passed !== 1).map(({ part_path: part, message }) =>
    new DamagedError(`table ${name}, part ${part}`, message.replace(/^Code: \d+\. /, ""))
  );
}

/**
 * CHECK TABLE sees the connected server alone. Reading every value compares the checksum of each
 * block read, on each server; the first mismatch ends the statement, which names server and part.
 */
async function readEveryReplica(
  warehouse: Warehouse,
  name: string,
  options: StatementOptions,
): Promise<DamagedError[]> {
  const table = onEveryServer(warehouse, `${warehouse.database}.${name}`);
  await warehouse.query(`SELECT count() AS rows FROM ${table} WHERE NOT ignore(*)`, {
    ...options,
    // A replica that lags is checked as it is.
    settings: { select_sequential_consistency: 0 },
  });
  return [];
}

/** What `check` finds; what cannot be read at all is damage too, outages are not. */
export async function unlessUnreadable(
  object: string,
  check: () => Promise<DamagedError[]>,
): Promise<DamagedError[]> {
  try {
    return await check();
  } catch (error) {
    if (error instanceof DamagedError) return [error];
    const words = messageOf(error);
    // A retired generation was dropped meanwhile.
    if (words.includes("UNKNOWN_TABLE")) return [];
    if (!/checksum|corrupt|CANNOT_READ|FILE_DOESNT_EXIST|malformed|INCORRECT_DATA/i.test(words)) {
      throw error;
    }
    return [new DamagedError(object, words)];
  }
}
