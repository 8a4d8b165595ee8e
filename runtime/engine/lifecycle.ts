/** Pauses, resumes, rebuilds and drops metrics. */
import type { ProblemSink } from "../model/problems.ts";
import { isDay } from "../batch/drifts.ts";
import { repeated } from "../model/problems.ts";
import type { Warehouse } from "../ports/ports.ts";
import type { DayRange, Lifecycle, RebuildRequest } from "../ports/services.ts";
import { quoted } from "../std/quoted.ts";
import { checkText, MOST_CHARACTERS_BY } from "../std/checked_text.ts";
import type { Clock } from "../std/clock.ts";
import { BusyError, NotFoundError, UserError } from "../std/errors.ts";
import type { Generations } from "./generations.ts";
import { readGenerations } from "./live_rows.ts";
import { writePause } from "./pauses.ts";
import type { PluginSet } from "./plugin_set.ts";
import type { Retirement } from "./retirement.ts";

/** What {@link createLifecycle} needs. */
export interface LifecycleOptions {
  readonly plugins: PluginSet;
  readonly generations: Pick<Generations, "look">;
  readonly retirement: Pick<Retirement, "drop">;
  readonly warehouse: Pick<Warehouse, "query" | "command">;
  readonly clock: Clock;
  readonly problems: ProblemSink;
  /** Called when other plugins run than before. */
  readonly onChange: () => void;
  /** Whether no other process has the warehouse open. */
  readonly alone: boolean;
  /** Ends rebuilds that are under way. */
  readonly stop: AbortSignal;
}

/** A lifecycle that also follows what other processes pause, resume and cancel. */
export interface FollowedLifecycle extends Lifecycle {
  /** Looks once a second, or once a minute where it is alone, until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

const LOOK_MS = 1000;
/** The same where no other process can pause any. */
const ALONE_LOOK_MS = 60_000;
/** Within so long every process has noticed a pause, and writes to the metric's tables no more. */
const NOTICED_MS = 5 * LOOK_MS;

/** What {@link Lifecycle} does. */
export function createLifecycle(options: LifecycleOptions): FollowedLifecycle {
  const { plugins, generations, retirement, warehouse, clock, problems, onChange, stop } = options;
  const follow = async () => {
    try {
      await plugins.follow();
    } finally {
      onChange();
    }
  };
  const change = async (plugin: string, by: string, paused: boolean) => {
    await writePause(warehouse, { plugin, by, at: new Date(clock.now()).toISOString() }, paused);
    await follow();
  };
  /** @throws {NotFoundError} when there is no such metric; UserError when it does not run. */
  const assertRuns = (verb: string, name: string) => {
    const refused = plugins.refused.find((one) => one.name === name);
    if (refused !== undefined) {
      throw new UserError(`Cannot ${verb} metric "${name}": ${refused.problem.message}`);
    }
    if (!plugins.loaded.some(({ plugin }) => plugin.name === name)) throw unknown(verb, name);
  };
  return {
    async pause(name, by) {
      checkText("Cannot pause a metric", "by", by, MOST_CHARACTERS_BY);
      await follow();
      if (plugins.pauses.has(name)) return;
      assertRuns("pause", name);
      await change(name, by, true);
    },
    isPaused: (name) => plugins.pauses.has(name),
    generations: (name) => readGenerations(warehouse, name),
    async resume(name, by) {
      checkText("Cannot resume a metric", "by", by, MOST_CHARACTERS_BY);
      await follow();
      if (plugins.pauses.has(name)) return await change(name, by, false);
      if (plugins.loaded.some(({ plugin }) => plugin.name === name)) return;
      throw unknown("resume", name);
    },
    async drop(name) {
      await follow();
      const pause = plugins.pauses.get(name);
      const isDeclared = plugins.loaded.some(({ plugin }) => plugin.name === name) ||
        plugins.refused.some((one) => one.name === name);
      if (isDeclared && pause === undefined) {
        throw new UserError(
          `Cannot drop metric "${name}": expected one that is paused or whose file is gone; pause ` +
            `it first: twofold plugins pause ${name}`,
        );
      }
      if (pause !== undefined && clock.now() - Date.parse(pause.at) < NOTICED_MS) {
        const shared = plugins.topics.some(({ membership }) => membership.shared);
        if (shared) {
          throw new BusyError(
            `Cannot drop metric "${name}" yet: other processes may not have paused it; ask again ` +
              `in ${NOTICED_MS / 1000} s`,
          );
        }
      }
      for (const { batch } of plugins.topics) await batch.idle();
      const dropped = await retirement.drop(name, isDeclared);
      await generations.look();
      onChange();
      if (dropped === null) throw unknown("drop", name);
      return dropped;
    },
    async rebuild(name, { dry_run = false, ...range }) {
      const days = checkedRange(range);
      await follow();
      assertRuns("rebuild", name);
      const { batch } = plugins.topics.find((topic) =>
        topic.plugins.some(({ plugin }) => plugin.name === name)
      )!;
      const foretold = await batch.rebuildReading(name, days);
      const run = dry_run ? null : await batch.rebuild(name, days, stop);
      return { dry_run, ...foretold, run };
    },
    async run(signal) {
      const report = { code: "generations_unknown", subject: "paused metrics" } as const;
      while (!signal.aborted) {
        await clock.sleep(options.alone ? ALONE_LOOK_MS : LOOK_MS, signal);
        if (signal.aborted) return;
        const look = async () => {
          if (await plugins.follow()) onChange();
          await Promise.all(plugins.topics.map(({ batch }) => batch.follow()));
        };
        const action = "find out which metrics are paused and which runs are cancelled";
        await repeated(problems, report, action, look, signal);
      }
    },
  };
}

const unknown = (verb: string, name: string) =>
  new NotFoundError(`Cannot ${verb} metric ${quoted(name)}: there is no such metric`, {
    field: "name",
  });

/** @throws {UserError} where a bound is no day, or none lies between them. */
function checkedRange({ from = null, to = null }: Pick<RebuildRequest, "from" | "to">): DayRange {
  const fault = (field: string, wanted: string, got: string) =>
    new UserError(
      `Cannot rebuild a metric: ${field} must be ${wanted}, got ${quoted(got)}`,
      { field },
    );
  for (const [field, day] of Object.entries({ from, to })) {
    if (day !== null && !isDay(day)) throw fault(field, "an event day such as 2013-07-20", day);
  }
  if (from !== null && to !== null && to < from) throw fault("to", `${from} or later`, to);
  return { from, to };
}
