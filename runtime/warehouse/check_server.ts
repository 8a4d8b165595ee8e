/** Whether the ClickHouse server is as Twofold needs it. */
import type { ObjectStore, Warehouse } from "../ports/ports.ts";
import { openServerWarehouse, type ServerWarehouseOptions } from "./server_warehouse.ts";
import { type Check, clockCheck, doubtful, failed, fine } from "../ports/check.ts";

/** From here on an error in the middle of a result is told as one. */
const TOLD_FROM = 25.11;

/** A server that does not reach the store tries for minutes. */
const ARCHIVE_MS = 10_000;

/** What the layers need, each under all names that grant it. */
const NEEDED: readonly (readonly string[])[] = [
  ["SELECT"],
  ["INSERT"],
  ["ALTER DELETE", "ALTER TABLE", "ALTER"],
  ["CREATE TABLE", "CREATE"],
  ["CREATE VIEW", "CREATE"],
  ["DROP TABLE", "DROP"],
  ["TRUNCATE"],
  ["S3", "READ ON S3", "SOURCES"],
  ["CREATE NAMED COLLECTION"],
  ["NAMED COLLECTION", "USE NAMED COLLECTION"],
];

/** Asks the server about itself; changes nothing but the collection that holds the store's key. */
export async function* checkServer(
  options: ServerWarehouseOptions,
  store: {
    readonly introduceTo: (warehouse: Warehouse) => Promise<void>;
    readonly tableFunction: ObjectStore["tableFunction"];
  } | null,
  now: () => number,
): AsyncGenerator<Check> {
  let warehouse: Warehouse;
  try {
    // A database that is always there: doctor makes none.
    warehouse = await openServerWarehouse({ ...options, database: "default" });
  } catch (error) {
    yield failed("clickhouse", error, "see TWOFOLD_CLICKHOUSE_URL, _USER and _PASSWORD");
    return;
  }
  try {
    const beforeMs = now();
    const [{ version, ms }] = await warehouse.query<{ version: string; ms: number }>(
      "SELECT version() AS version, toUnixTimestamp64Milli(now64(3)) AS ms",
    );
    const afterMs = now();
    const found = `ClickHouse ${version} at ${options.url}`;
    yield isAtLeast(version, TOLD_FROM) ? fine("clickhouse", found) : doubtful(
      "clickhouse",
      `${found} breaks the connection where a result ends in an error`,
      `use ${TOLD_FROM} or newer`,
    );
    yield clockCheck("clock", Number(ms), [beforeMs, afterMs], 10);
    yield await rightsCheck(warehouse, options);
    if (store !== null) yield await archiveCheck(warehouse, store);
  } catch (error) {
    yield failed("clickhouse", error, "see what the server's log says");
  } finally {
    await warehouse.close();
  }
}

function isAtLeast(version: string, least: number): boolean {
  const [year, month] = version.split(".").map(Number);
  const [leastYear, leastMonth] = String(least).split(".").map(Number);
  return year > leastYear || year === leastYear && month >= leastMonth;
}

/** Reads what the server says of the user's grants, those of its roles included. */
async function rightsCheck(
  warehouse: Warehouse,
  { user, database }: ServerWarehouseOptions,
): Promise<Check> {
  const rows = await warehouse.query("SHOW GRANTS FINAL");
  const granted = new Set(
    rows.flatMap((row) => privilegesOf(String(Object.values(row)[0]), database)),
  );
  const missing = NEEDED.filter((names) => !["ALL", ...names].some((name) => granted.has(name)))
    .map(([name]) => name);
  if (missing.length === 0) return fine("rights", `${user} has all that is needed`);
  return doubtful(
    "rights",
    `${user} does not seem to have ${missing.join(", ")}`,
    `look at SHOW GRANTS; tables: GRANT … ON ${database}.*, the rest ON *.*`,
  );
}

/** The privileges of one line of SHOW GRANTS, where it is about everything or about the database. */
function privilegesOf(line: string, database: string): string[] {
  const match = /^GRANT (.+) ON (\S+) TO /.exec(line);
  if (match === null) return [];
  const [, privileges, on] = match;
  const about = ["*.*", "*", `${database}.*`, `\`${database}\`.*`];
  if (on === "S3") return privileges.split(", ").map((name) => `${name} ON S3`);
  return about.includes(on) ? privileges.split(", ").map((name) => name.trim()) : [];
}

/** The server reads the archive itself, from where it stands. */
async function archiveCheck(
  warehouse: Warehouse,
  store: { introduceTo(warehouse: Warehouse): Promise<void> } & Pick<ObjectStore, "tableFunction">,
): Promise<Check> {
  const check = "archive";
  try {
    await store.introduceTo(warehouse);
    const none = store.tableFunction(`doctor/none-${crypto.randomUUID()}*`, "value UInt8");
    const signal = AbortSignal.timeout(ARCHIVE_MS);
    await warehouse.query(`SELECT count() FROM ${none}`, { signal });
    return fine(check, "ClickHouse reaches the S3 store by the same address");
  } catch (error) {
    const advice = "TWOFOLD_S3_ENDPOINT has to be reached from the ClickHouse server too";
    return failed(check, error, advice);
  }
}
