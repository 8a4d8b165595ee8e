/** Runs under way in the table `batch_runs`: what waits, what is computed and how far it is. */
import type { EventSchema } from "../events.ts";
import type { Cut } from "../model/frontier.ts";
import type { Warehouse } from "../ports/ports.ts";
import type { Clock } from "../std/clock.ts";
import { messageOf } from "../std/errors.ts";
import { modeOf, type PluginStep } from "./plugin_step.ts";

/** How often a run says that it goes on, in milliseconds. */
const ALIVE_MS = 10_000;
/** A run that has not said so for as long is taken to have stopped with its process. */
export const SILENT_MS = 60_000;
/** The least time between two rows of a part that gets on. */
const FINEST_MS = 1000;

/** The run whose progress is reported, and where. */
interface ReportedRun {
  readonly warehouse: Warehouse;
  readonly schema: EventSchema;
  readonly run: number;
  readonly cut: Cut;
}

/** A part that has not ended. */
interface Part {
  daysDone: number;
  status: "queued" | "running" | "failed";
  startedMs: number;
}

/**
 * The runs of a topic that have said lately that they go on, whichever process computes them.
 *
 * @param nowMs the present.
 */
export async function runsUnderWay(
  { warehouse, schema: { topic } }: Pick<ReportedRun, "warehouse" | "schema">,
  nowMs: number,
): Promise<ReadonlySet<number>> {
  const rows = await warehouse.query<{ run: number | string }>(
    `SELECT DISTINCT run FROM batch_runs FINAL
WHERE topic = {topic:String} AND status IN ('queued', 'running')
  AND toUnixTimestamp64Milli(finished) >= {since:Int64}`,
    { params: { topic, since: nowMs - SILENT_MS } },
  );
  return new Set(rows.map(({ run }) => Number(run)));
}

/**
 * The parts of a run that have not ended. Each has a row of a low version, which that of its end
 * replaces. What is written here is only shown: a fault changes nothing of the run.
 */
export class RunProgress {
  readonly #context: ReportedRun;
  readonly #clock: Clock;
  readonly #parts: Map<PluginStep, Part>;
  readonly #end = new AbortController();
  #version = 0;
  #writtenMs = 0;

  constructor(
    context: ReportedRun,
    clock: Clock,
    steps: readonly PluginStep[],
  ) {
    this.#context = context;
    this.#clock = clock;
    const startedMs = clock.now();
    this.#parts = new Map(
      steps.map((step) => [step, { daysDone: 0, status: "queued", startedMs }]),
    );
  }

  /** Writes that all parts wait, and from then on that the run goes on, until {@link end}. */
  async begin(): Promise<void> {
    await this.#write();
    void this.#stayAlive();
  }

  /** A part is being computed. */
  async started(step: PluginStep): Promise<void> {
    Object.assign(this.#parts.get(step)!, { status: "running", startedMs: this.#clock.now() });
    await this.#write();
  }

  /** So many more days of a part are computed. */
  async advanced(step: PluginStep, days: number): Promise<void> {
    this.#parts.get(step)!.daysDone += days;
    if (this.#clock.now() - this.#writtenMs >= FINEST_MS) await this.#write();
  }

  /** The row of a part's end is written. */
  ended(step: PluginStep): void {
    this.#parts.delete(step);
  }

  /** Ends it; parts that are left have failed by `error`. */
  async end(error: unknown): Promise<void> {
    this.#end.abort();
    for (const part of this.#parts.values()) part.status = "failed";
    await this.#write(this.#clock.now(), messageOf(error));
  }

  async #stayAlive(): Promise<void> {
    const { signal } = this.#end;
    for (;;) {
      await this.#clock.sleep(ALIVE_MS, signal);
      if (signal.aborted) return;
      await this.#write();
    }
  }

  async #write(version = ++this.#version, error = ""): Promise<void> {
    const steps = [...this.#parts.keys()];
    const parts = [...this.#parts.values()];
    if (parts.length === 0) return;
    const { warehouse, schema: { topic }, run, cut } = this.#context;
    this.#writtenMs = this.#clock.now();
    await warehouse.command(
      `INSERT INTO batch_runs (topic, run, plugin, status, mode, days, days_done, events, bytes, started,
  finished, cut, drift, error, version)
SELECT {topic:String}, {run:UInt64}, part.1, part.2, part.3, part.4, part.5,
  nullIf(part.6, -1), nullIf(part.7, -1), fromUnixTimestamp64Milli(part.8, 'UTC'),
  fromUnixTimestamp64Milli({now:Int64}, 'UTC'),
  {cut:Map(String, Array(UInt64))}, nan, {error:String}, {version:UInt64}
FROM (SELECT arrayJoin(arrayZip({plugins:Array(String)}, {statuses:Array(String)},
  {modes:Array(String)}, {days:Array(UInt32)}, {done:Array(UInt32)},
  {events:Array(Int64)}, {bytes:Array(Int64)}, {started:Array(Int64)})) AS part)`,
      {
        params: {
          topic,
          run,
          cut,
          error,
          version,
          now: this.#writtenMs,
          plugins: steps.map(({ plugin }) => plugin.tables.plugin.name),
          statuses: parts.map(({ status }) => status),
          modes: steps.map(modeOf),
          days: steps.map(({ days }) => days.length),
          done: parts.map(({ daysDone }) => daysDone),
          events: steps.map(({ reads }) => reads?.events ?? -1),
          bytes: steps.map(({ reads }) => reads?.bytes ?? -1),
          started: parts.map(({ startedMs }) => startedMs),
        },
      },
    ).catch(() => {});
  }
}
