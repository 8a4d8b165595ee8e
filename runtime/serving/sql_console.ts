/**
 * SQL by people: one statement that reads, within bounds. The engine's parser says what it calls and
 * reads, and only what is on a list passes; it runs in the engine's read-only mode all the same.
 */
import { quoted } from "../std/quoted.ts";
import type { Clock } from "../std/clock.ts";
import { ProblemError, TwofoldError, UserError } from "../std/errors.ts";
import type {
  SqlAnswer,
  SqlConsole,
  SqlEnd,
  SqlOptions,
  SqlRow,
  SqlRows,
} from "../ports/inspection.ts";
import type { ReadableWarehouse } from "../ports/ports.ts";
import type { ProblemSink } from "../model/problems.ts";
import { type Bounded, bounded, BoundReached } from "./bounded.ts";
import { relationRefusal } from "./relations.ts";
import { runSql, type SqlItem, tooLarge } from "./sql_run.ts";
import { SqlSlots } from "./sql_slots.ts";
import { refused } from "./sql_statement.ts";

/** Options of {@link createSqlConsole}. */
export interface SqlConsoleOptions {
  /** With at least {@link SQL_CONNECTIONS} connections for these statements alone. */
  readonly warehouse: ReadableWarehouse;
  readonly clock: Clock;
  readonly problems: ProblemSink;
  /** What the statements are, in problems. Default: `SQL console`. */
  readonly subject?: string;
  /** The longest that a statement may take, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
  /** How long after that the engine may take to end it, in milliseconds. Default 1,000. */
  readonly graceMs?: number;
  /** The longest that a statement waits for others', in milliseconds. Default 10,000. */
  readonly waitMs?: number;
  /** The most bytes of a result that is held in memory. Default 64 MiB. */
  readonly maxResultBytes?: number;
}

const MAX_ROWS = 1_000_000;
const DEFAULT_ROWS = 1000;
const MEMORY_BYTES = 2 ** 30;
/** The most bytes of a result that is read as it is made. */
const MAX_STREAM_BYTES = 2 ** 30;
const MAX_ROWS_READ = 2_000_000_000;
const bounds = {
  readonly: 1,
  max_rows_to_read: MAX_ROWS_READ,
  result_overflow_mode: "throw",
  max_memory_usage: MEMORY_BYTES,
  max_threads: 2,
  // The engine looks at the time between blocks.
  max_block_size: 8192,
};
/** Between two looks whether a statement that is stuck on a server has ended there. */
const LOOK_MS = 5000;

/** Opens a console over a warehouse. */
export function createSqlConsole(options: SqlConsoleOptions): SqlConsole {
  const { clock, problems, waitMs = 10_000, subject = "SQL console" } = options;
  const { maxResultBytes = 64 * 2 ** 20 } = options;
  const slots = new SqlSlots({ clock, waitMs, problems, subject });
  return {
    async query(sql, asked = {}) {
      return await gather(await start(options, slots, sql, asked, maxResultBytes));
    },
    open: (sql, asked = {}) => start(options, slots, sql, asked, MAX_STREAM_BYTES),
    get load() {
      return slots.load;
    },
  };
}

/** Starts a statement in a slot; its columns are there when this returns. */
async function start(
  options: SqlConsoleOptions,
  slots: SqlSlots,
  text: string,
  { limit = DEFAULT_ROWS, after = "0", signal }: SqlOptions,
  maxBytes: number,
): Promise<SqlRows> {
  const { warehouse, clock, timeoutMs = 30_000, graceMs = 1000 } = options;
  const offset = offsetOf(after);
  checkLimit(limit);
  const slot = await slots.enter(signal);
  const id = `twofold-sql-${crypto.randomUUID()}`;
  const settings = {
    ...bounds,
    max_result_bytes: maxBytes,
    max_execution_time: timeoutMs / 1000,
    log_comment: id,
  };
  let stuck = false;
  const items = bounded(
    (stop) =>
      runSql(
        { warehouse, text, limit, offset, maxBytes, settings, now: () => clock.now() },
        stop,
      ),
    {
      clock,
      boundMs: timeoutMs,
      graceMs,
      signal,
      onStuck: () => {
        stuck = true;
        slot.stuck();
      },
      onEnd: () => {
        if (!stuck) return slot.end();
        void untilGone(warehouse, clock, id).then(() => slot.end());
      },
    },
  );
  const faultOf = (error: unknown) => explained(error, { timeoutMs, maxBytes });
  const first = await items.next().catch((error) => {
    throw faultOf(error);
  });
  if (first.done || !("columns" in first.value)) throw new Error("a statement has no columns");
  return { columns: first.value.columns, blocks: rowsOf(items, faultOf) };
}

/** Waits until the engine has no statement with the mark: a server's outlives its connection. */
async function untilGone(warehouse: ReadableWarehouse, clock: Clock, id: string): Promise<void> {
  const sql = "SELECT count() AS running FROM system.processes " +
    "WHERE startsWith(Settings['log_comment'], {id:String})";
  while (true) {
    const [{ running }] = await warehouse.query<{ running: number }>(sql, { params: { id } })
      // Where the warehouse is closed or gone, nobody waits for it.
      .catch(() => [{ running: 0 }]);
    if (running === 0) return;
    await clock.sleep(LOOK_MS);
  }
}

async function* rowsOf(
  items: Bounded<SqlItem, SqlEnd>,
  faultOf: (error: unknown) => unknown,
): SqlRows["blocks"] {
  try {
    while (true) {
      const item = await items.next();
      if (item.done) return item.value;
      if ("rows" in item.value) yield item.value.rows;
    }
  } catch (error) {
    throw faultOf(error);
  } finally {
    await items.close();
  }
}

async function gather({ columns, blocks }: SqlRows): Promise<SqlAnswer> {
  const rows: SqlRow[] = [];
  while (true) {
    const block = await blocks.next();
    if (block.done) return { columns, rows, ...block.value };
    for (const row of block.value) rows.push(row);
  }
}

function checkLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_ROWS) return;
  throw new UserError(
    `Cannot run the SQL: limit must be a whole number in 1..${MAX_ROWS}, got ${limit}`,
    { field: "limit" },
  );
}

/** The rows of the pages before. */
function offsetOf(after: string): number {
  if (/^\d{1,12}$/.test(after)) return Number(after);
  throw new UserError(
    `Cannot run the SQL: after must be "next" of the page before, got ${quoted(after)}`,
    { field: "after" },
  );
}

interface Bounds {
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

const tooLong = ({ timeoutMs }: Bounds) =>
  `it took longer than ${
    timeoutMs / 1000
  } s; ask for less: filter by time or key, or read a merged_ relation`;

/** Faults of the engine that a smaller question would not have, in words that help. */
const limits: readonly (readonly [RegExp, (bounds: Bounds) => string])[] = [
  [/code 159\b/, tooLong],
  [
    /code 158\b/,
    () =>
      `it would read more than ${
        MAX_ROWS_READ.toLocaleString("en")
      } rows; ask for less: filter by ` +
      "time or key, or read a merged_ relation",
  ],
  [
    // Of the whole engine's memory others may have taken most: that passes.
    /Query memory limit exceeded/i,
    () =>
      `it took more than ${
        MEMORY_BYTES / 2 ** 20
      } MiB of memory; ask for less: filter by time or ` +
      "key, group by less, or drop ORDER BY and DISTINCT",
  ],
  [/code 396\b/, ({ maxBytes }) => tooLarge(maxBytes)],
];

/** An engine's fault as what the author can do; what will pass stays as it is. */
function explained(error: unknown, bounds: Bounds): unknown {
  if (error instanceof BoundReached) return refused(tooLong(bounds));
  if (!(error instanceof TwofoldError) || error instanceof UserError) return error;
  const refusal = relationRefusal(error.message);
  if (refusal !== null) return new ProblemError(refusal.code, refusal.message, { cause: error });
  const limit = limits.find(([pattern]) => pattern.test(error.message));
  if (limit !== undefined) return refused(limit[1](bounds));
  // The engine's own words, without what was being done.
  return error.retriable ? error : refused(error.message.replace(/^Cannot [^:]*: /, ""));
}
