/**
 * The repeats of a run: archived rows below the cut whose identity (event id, instant in
 * nanoseconds) occurs at a lower (log, partition, offset). Both copies have one instant, hence one
 * event day, so the days to recompute are all that has to be read.
 *
 * Two passes over narrow columns: the first finds hashes that occur twice, with 8 bytes per event;
 * the second compares the values themselves, but only of those rows. A hash that two identities
 * share costs a comparison and changes nothing.
 */
import { TwofoldError } from "../std/errors.ts";
import { archiveSql, belowCut, checkArchive, refreshArchive } from "./archive_rows.ts";
import { countRowsByDay, dayChunks } from "./day_chunks.ts";
import { type RunContext, statement } from "./run_context.ts";

/** The repeats of a run's days, in a table that lives as long as the run. */
export interface Repeats {
  readonly table: string;
  /** The logs that have repeats; without any there is nothing to leave out. */
  readonly logs: readonly string[];
  /** By event day, the repeats that the speed layer could not see. */
  readonly unseenByDay: ReadonlyMap<string, number>;
  /** By event day, the archived rows; a single day need not be counted. */
  readonly rowsByDay: ReadonlyMap<string, number>;
}

/** No repeats: what a run without days has. */
export const noRepeats: Repeats = {
  table: "",
  logs: [],
  unseenByDay: new Map(),
  rowsByDay: new Map(),
};

/** Offsets and partitions are packed into one UInt64, which a set looks up thrice as fast. */
const OFFSET_BITS = 44;
const positionSql = `bitOr(bitShiftLeft(toUInt64(partition), ${OFFSET_BITS}), offset)`;

/** Topics have "." and "-", tables have neither: their codes keep two topics apart. */
const scratchPrefix = (topic: string) => {
  const name = topic.replace(/[^a-z0-9]/g, (char) => `_${char.charCodeAt(0).toString(16)}`);
  return `scratch_${name}_`;
};

/** Names of the scratch tables of a run. */
export function scratchTables(context: RunContext): Record<"hashes" | "repeats" | "drift", string> {
  const prefix = `${scratchPrefix(context.schema.topic)}${context.run}`;
  return {
    hashes: `${prefix}_hashes`,
    repeats: `${prefix}_repeats`,
    drift: `${prefix}_drift`,
  };
}

/** Finds the repeats of the given days, once for all plugins of the run. */
export async function findRepeats(
  context: RunContext,
  days: readonly string[],
): Promise<Repeats> {
  if (days.length === 0) return noRepeats;
  checkRange(context);
  const { hashes, repeats } = scratchTables(context);
  const command = (sql: string) => context.warehouse.command(sql, statement(context));
  await command(`CREATE TABLE ${hashes} (hash UInt64) ENGINE = MergeTree ORDER BY hash`);
  await command(`CREATE TABLE ${repeats} (
  day Date, log String, position UInt64, unseen UInt8
) ENGINE = MergeTree ORDER BY (day, log, position)`);
  const rowsByDay = countRowsByDay(await checkArchive(context, days));
  for (const chunk of dayChunks(days, rowsByDay, context.settings.memoryLimitBytes)) {
    await refreshArchive(context, chunk);
    await command(`TRUNCATE TABLE ${hashes}`);
    await command(hashesSql(context, chunk));
    await command(repeatsSql(context, chunk));
  }
  return { ...await readRepeats(context, repeats), rowsByDay };
}

const hashOf = ({ schema }: RunContext) => `cityHash64(${schema.eventId}, event_time)`;

function hashesSql(context: RunContext, days: readonly string[]): string {
  return `INSERT INTO ${scratchTables(context).hashes}
SELECT ${hashOf(context)} AS hash FROM ${archiveSql(context, days)}
WHERE ${belowCut} GROUP BY hash HAVING count() > 1`;
}

/**
 * In the order of positions the previous occurrence, if it is in the same log and partition, is the
 * nearest one there: the speed layer saw it if it lies in [offset - horizon, offset).
 */
function repeatsSql(context: RunContext, days: readonly string[]): string {
  const { schema, horizon } = context;
  const { hashes, repeats } = scratchTables(context);
  return `INSERT INTO ${repeats} (day, log, position, unseen)
SELECT toDate(event_time), log, ${positionSql},
  NOT (previous.1 = log AND previous.2 = partition AND offset - previous.3 <= ${horizon})
FROM (
  SELECT log, partition, offset, event_time, row_number() OVER earlier AS nth,
    lagInFrame((log, partition, offset)) OVER earlier AS previous
  FROM (
    SELECT toString(log) AS log, partition, offset, ${schema.eventId}, event_time
    FROM ${archiveSql(context, days)}
    WHERE ${belowCut} AND ${hashOf(context)} IN (SELECT hash FROM ${hashes})
  )
  WINDOW earlier AS (
    PARTITION BY ${schema.eventId}, event_time ORDER BY log, partition, offset
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  )
)
WHERE nth > 1`;
}

async function readRepeats(
  context: RunContext,
  table: string,
): Promise<Omit<Repeats, "rowsByDay">> {
  const rows = await context.warehouse.query<{ log: string; day: string; unseen: number | string }>(
    `SELECT log, toString(day) AS day, sum(unseen) AS unseen FROM ${table} GROUP BY log, day`,
    statement(context),
  );
  const unseenByDay = new Map<string, number>();
  for (const { day, unseen } of rows) {
    unseenByDay.set(day, (unseenByDay.get(day) ?? 0) + Number(unseen));
  }
  return { table, logs: [...new Set(rows.map((row) => row.log))].sort(), unseenByDay };
}

/** A condition on rows of `days` (bound): whether they are repeats with `where`. One set per log. */
export function repeatsCondition({ table, logs }: Repeats, where: "1" | "unseen"): string {
  if (logs.length === 0) return "0";
  return logs.map((log) =>
    `log = '${log}' AND ${positionSql} IN ` +
    `(SELECT position FROM ${table} ` +
    `WHERE day IN {days:Array(Date)} AND log = '${log}' AND ${where})`
  ).join(" OR ");
}

/** A position that did not fit would be taken for another. */
function checkRange({ cut, schema }: RunContext): void {
  const most = 1n << BigInt(OFFSET_BITS);
  for (const [log, offsets] of Object.entries(cut)) {
    if (!/^[0-9a-z-]+$/.test(log)) {
      throw new TwofoldError(`Cannot run the batch: a log must be [0-9a-z-]+, got "${log}"`);
    }
    const partition = offsets.findIndex((offset) => offset > most);
    if (partition >= 0) {
      throw new TwofoldError(`Cannot run the batch: offsets must be at most ${most}`, {
        topic: schema.topic,
        partition,
        offset: offsets[partition],
      });
    }
  }
}

/** Removes the scratch tables of a run. Called when it ends, however it ends. */
export async function dropScratch(context: RunContext): Promise<void> {
  for (const table of Object.values(scratchTables(context))) {
    await context.warehouse.command(`DROP TABLE IF EXISTS ${table} SYNC`);
  }
}

/**
 * Removes what crashed runs left behind: scratch tables of runs that nobody computes.
 *
 * @param runsUnderWay the runs that this process or another one may be computing.
 */
export async function dropLeftovers(
  { warehouse, schema }: RunContext,
  runsUnderWay: () => Promise<ReadonlySet<number>>,
): Promise<void> {
  const prefix = scratchPrefix(schema.topic);
  const tables = await warehouse.query<{ name: string }>(
    `SELECT name FROM system.tables
WHERE database = currentDatabase() AND startsWith(name, {prefix:String})`,
    { params: { prefix } },
  );
  const scratch = tables.flatMap(({ name }) => {
    const run = /^(\d+)_(?:hashes|repeats|drift)$/.exec(name.slice(prefix.length));
    return run === null ? [] : [{ name, run: Number(run[1]) }];
  });
  if (scratch.length === 0) return;
  // Asked afterwards: a run says that it is under way before it makes its first table.
  const underWay = await runsUnderWay();
  for (const { name, run } of scratch) {
    if (!underWay.has(run)) await warehouse.command(`DROP TABLE IF EXISTS ${name} SYNC`);
  }
}
