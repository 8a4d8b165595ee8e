/** The table `batch_runs`: what every run did for every plugin. */
import { type NotComparedReason, notComparedWords } from "../model/drift.ts";
import { type Cut, decodeCut } from "../model/frontier.ts";
import type { Warehouse } from "../ports/ports.ts";
import type { BatchRun, PluginRun, RunState } from "../ports/services.ts";
import { SILENT_MS } from "./run_progress.ts";

/** A plugin's part of a run with its times, in milliseconds since 1970 UTC. */
export interface PluginRunRecord extends PluginRun {
  readonly startedMs: number;
  readonly finishedMs: number;
  /** What was caught, where {@link PluginRun.error} has words. */
  readonly fault?: unknown;
}

/** Records a plugin's part of a run. */
export async function recordPluginRun(
  warehouse: Warehouse,
  topic: string,
  run: number,
  cut: Cut,
  part: PluginRunRecord,
): Promise<void> {
  await warehouse.command(
    `INSERT INTO batch_runs (topic, run, plugin, status, mode, started, finished, cut, days,
  days_done, events, bytes, rows, drift, not_compared, unseen_repeats, error, version)
SELECT {topic:String}, {run:UInt64}, {plugin:String}, {status:String}, {mode:String},
  fromUnixTimestamp64Milli({started:Int64}, 'UTC'),
  fromUnixTimestamp64Milli({finished:Int64}, 'UTC'),
  {cut:Map(String, Array(UInt64))}, {days:UInt32}, {done:UInt32},
  nullIf({events:Int64}, -1), nullIf({bytes:Int64}, -1), {rows:UInt64}, {drift:Float64},
  {not_compared:String}, {unseen:UInt64}, {error:String}, {finished:Int64}`,
    {
      params: {
        topic,
        run,
        plugin: part.plugin,
        status: part.status,
        mode: part.mode,
        started: part.startedMs,
        finished: part.finishedMs,
        cut: cut,
        days: part.days,
        done: part.daysDone,
        events: part.events ?? -1,
        bytes: part.bytes ?? -1,
        rows: part.rows,
        // The column has no NULL: what could not be compared is not a number.
        drift: part.drift ?? "nan",
        not_compared: part.notCompared?.reason ?? "",
        unseen: part.unseenRepeats,
        error: part.error,
      },
    },
  );
}

interface RecordRow {
  readonly run: number | string;
  readonly plugin: string;
  readonly status: PluginRun["status"];
  readonly mode: PluginRun["mode"];
  readonly started_ms: number | string;
  readonly finished_ms: number | string;
  readonly cut: Readonly<Record<string, readonly (number | string)[]>>;
  readonly days: number;
  readonly days_done: number;
  readonly events: number | string | null;
  readonly bytes: number | string | null;
  readonly rows: number | string;
  readonly known_drift: number | null;
  readonly not_compared: NotComparedReason | "";
  readonly unseen_repeats: number | string;
  readonly error: string;
}

/**
 * The newest runs of a topic, the newest first.
 *
 * @param before only runs with lower numbers; null: all.
 * @param nowMs the present, which tells runs under way from those that stopped without a word.
 */
export async function readHistory(
  warehouse: Warehouse,
  topic: string,
  { limit, before }: { readonly limit: number; readonly before: number | null },
  nowMs: number,
): Promise<BatchRun[]> {
  const rows = await warehouse.query<RecordRow>(
    `SELECT run, plugin, status, mode, toUnixTimestamp64Milli(started) AS started_ms,
  toUnixTimestamp64Milli(finished) AS finished_ms, cut, days, days_done, events, bytes, rows,
  if(isNaN(drift), NULL, drift) AS known_drift, not_compared, unseen_repeats,
  error
FROM batch_runs FINAL
WHERE topic = {topic:String} AND run IN (
  SELECT DISTINCT run FROM batch_runs WHERE topic = {topic:String}
    AND run < {before:UInt64}
  ORDER BY run DESC LIMIT {limit:UInt64}
)
ORDER BY run DESC, plugin`,
    { params: { topic, limit, before: before ?? Number.MAX_SAFE_INTEGER } },
  );
  const byRun = Map.groupBy(rows, (row) => Number(row.run));
  return [...byRun].map(([run, parts]) =>
    toBatchRun(topic, run, decodeCut(parts[0].cut), parts.map((part) => toRecord(part, nowMs)))
  );
}

/** A run of its parts: it starts with the first and ends with the last. */
export function toBatchRun(
  topic: string,
  run: number,
  cut: Cut,
  parts: readonly PluginRunRecord[],
): BatchRun {
  const iso = (ms: number) => new Date(ms).toISOString();
  const state = stateOf(parts.map(({ status }) => status));
  return {
    topic,
    run,
    state,
    started: iso(Math.min(...parts.map((part) => part.startedMs))),
    finished: isUnderWay(state) ? null : iso(Math.max(...parts.map((part) => part.finishedMs))),
    cut,
    plugins: parts.map(({ startedMs: _started, finishedMs: _finished, fault: _fault, ...part }) =>
      part
    ),
  };
}

const isUnderWay = (state: RunState) => state === "queued" || state === "running";

function stateOf(parts: readonly RunState[]): RunState {
  if (parts.every((state) => state === "queued")) return "queued";
  if (parts.some(isUnderWay)) return "running";
  const worst: RunState[] = ["interrupted", "failed", "cancelled", "published"];
  return worst.find((state) => parts.includes(state)) ?? "superseded";
}

function toRecord(row: RecordRow, nowMs: number): PluginRunRecord {
  const [startedMs, finishedMs] = [Number(row.started_ms), Number(row.finished_ms)];
  const silent = isUnderWay(row.status) && nowMs - finishedMs > SILENT_MS;
  return {
    plugin: row.plugin,
    status: silent ? "interrupted" : row.status,
    mode: row.mode,
    daysDone: row.days_done,
    events: row.events === null ? null : Number(row.events),
    bytes: row.bytes === null ? null : Number(row.bytes),
    rows: Number(row.rows),
    days: row.days,
    seconds: (finishedMs - startedMs) / 1000,
    drift: row.known_drift === null ? null : Number(row.known_drift),
    notCompared: row.not_compared === ""
      ? null
      : { reason: row.not_compared, message: notComparedWords[row.not_compared] },
    unseenRepeats: Number(row.unseen_repeats),
    error: row.error,
    startedMs,
    finishedMs,
  };
}
