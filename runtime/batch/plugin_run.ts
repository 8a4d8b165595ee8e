import type { Clock } from "../std/clock.ts";
import type { NotComparedReason } from "../model/drift.ts";
import { ownFault } from "../model/cause.ts";
import { messageOf } from "../std/errors.ts";
import { readingArchive } from "./archive_rows.ts";
import { because, compareRun, type SpeedFacts } from "./drift.ts";
import { DriftDays } from "./drift_days.ts";
import { countRows, type Publisher } from "./published_run.ts";
import { purge, removeRun } from "./purge.ts";
import type { Repeats } from "./repeats.ts";
import { type RunContext, statement } from "./run_context.ts";
import { type BatchPlugin, modeOf, type PluginStep } from "./plugin_step.ts";
import { writeRows } from "./run_rows.ts";
import { CancelledError } from "./runs_under_way.ts";
import { type PluginRunRecord, recordPluginRun } from "./run_record.ts";

/** The longest query when the settings do not say. */
const DEFAULT_MAX_QUERY_MS = 300_000;

/** What a step came to, before it is timed and recorded. */
type Outcome = Pick<
  PluginRunRecord,
  "status" | "rows" | "drift" | "notCompared" | "error" | "fault"
>;

/** Runs one plugin's part of each run: what fails here fails this plugin alone. */
export class PluginRunner {
  readonly plugin: BatchPlugin;
  readonly publisher: Publisher;
  readonly #clock: Clock;
  readonly #speed: () => SpeedFacts | null;
  readonly #driftDays: DriftDays;
  /** Whether rows of runs that never published may lie about: true until looked for once. */
  #orphans = true;

  constructor(
    plugin: BatchPlugin,
    publisher: Publisher,
    clock: Clock,
    speed: () => SpeedFacts | null,
  ) {
    this.plugin = plugin;
    this.publisher = publisher;
    this.#clock = clock;
    this.#speed = speed;
    this.#driftDays = new DriftDays(plugin.tables, clock);
  }

  /**
   * Computes, publishes and records. Does not throw for what is the plugin's own fault.
   *
   * @param repeats the run's repeats, or why they could not be found.
   */
  async run(
    context: RunContext,
    step: PluginStep,
    repeats: Repeats | Error,
  ): Promise<PluginRunRecord> {
    const startedMs = this.#clock.now();
    await context.progress.started(step);
    const outcome = repeats instanceof Error
      ? unpublished(context, repeats)
      : await this.#compute(context, step, repeats);
    const finishedMs = this.#clock.now();
    const record: PluginRunRecord = {
      plugin: this.plugin.tables.plugin.name,
      mode: modeOf(step),
      days: step.days.length,
      events: step.reads?.events ?? null,
      bytes: step.reads?.bytes ?? null,
      daysDone: isUnpublished(outcome) ? 0 : step.days.length,
      unseenRepeats: repeats instanceof Error ? 0 : unseenOf(step, repeats),
      ...outcome,
      seconds: (finishedMs - startedMs) / 1000,
      startedMs,
      finishedMs,
    };
    const { warehouse, schema, run, cut } = context;
    await recordPluginRun(warehouse, schema.topic, run, cut, record);
    context.progress.ended(step);
    return record;
  }

  async #compute(context: RunContext, step: PluginStep, repeats: Repeats): Promise<Outcome> {
    const { warehouse } = context;
    const { tables } = this.plugin;
    /** From the decision to publish on, a cancellation comes too late. */
    const publishing = { ...context, signal: context.stop };
    let rows: number;
    try {
      context.signal?.throwIfAborted();
      await readingArchive(context, step.days, () => writeRows(context, step, repeats));
      rows = await countRows(warehouse, tables, context.run, statement(context));
      context.signal?.throwIfAborted();
      if (step.days.length > 0) await this.#driftDays.expect(publishing, step.days);
    } catch (error) {
      await this.#removeRows(context);
      return unpublished(context, error);
    }
    try {
      const fullRun = step.full ? context.run : step.baseFullRun;
      const { run, cut } = context;
      const { base, days } = step;
      if (await this.publisher.publish({ run, base, fullRun, cut, days, rows })) {
        return await this.#afterPublication(publishing, step, repeats, rows);
      }
    } catch (error) {
      // It may be decided: then the next run writes the pointer, and the rows must stay.
      this.#orphans = true;
      return failed(error);
    }
    await this.#removeRows(context);
    return { status: "superseded", rows, ...uncompared("superseded"), error: "" };
  }

  /** What follows a publication cannot undo it: a fault is told beside the status. */
  async #afterPublication(
    context: RunContext,
    step: PluginStep,
    repeats: Repeats,
    rows: number,
  ): Promise<Outcome> {
    const faults: unknown[] = [];
    const errors: string[] = [];
    const survived = (words: string, error: unknown) => {
      errors.push(words);
      faults.push(error);
    };
    const compared = await compareRun(context, step, repeats, this.#speed(), this.#driftDays)
      .catch((error) => {
        survived(`Cannot keep the drift: ${messageOf(error)}`, error);
        return uncompared("waiting");
      });
    const { notCompared } = compared;
    if (notCompared?.reason === "comparison_failed") survived(notCompared.message, null);
    // Numbers between this run and its base were claimed by runs that may have left rows.
    const orphans = this.#orphans || context.run > step.base + 1;
    await purge(context.warehouse, this.plugin.tables, {
      nowMs: this.#clock.now(),
      maxQueryMs: context.settings.maxQueryMs ?? DEFAULT_MAX_QUERY_MS,
      orphans,
    }).then(() => this.#orphans = false).catch((error) =>
      survived(`Cannot remove old rows: ${messageOf(error)}`, error)
    );
    return {
      status: "published",
      rows,
      ...compared,
      error: errors.join("; "),
      fault: ownFault(faults),
    };
  }

  async #removeRows(context: RunContext): Promise<void> {
    await removeRun(context.warehouse, this.plugin.tables, context.run)
      .catch(() => this.#orphans = true);
  }
}

const failed = (error: unknown): Outcome => ({
  status: "failed",
  rows: 0,
  ...uncompared("run_failed"),
  error: messageOf(error),
  fault: error,
});

/** A part that ended before it was to be published. */
function unpublished({ signal }: RunContext, error: unknown): Outcome {
  const { reason } = signal ?? {};
  if (!(reason instanceof CancelledError)) return failed(error);
  return { status: "cancelled", rows: 0, ...uncompared("run_cancelled"), error: reason.message };
}

const isUnpublished = ({ status }: Outcome) => status === "failed" || status === "cancelled";

const uncompared = (reason: NotComparedReason) => ({ drift: null, notCompared: because(reason) });

const unseenOf = (step: PluginStep, repeats: Repeats) =>
  step.days.reduce((sum, day) => sum + (repeats.unseenByDay.get(day) ?? 0), 0);
