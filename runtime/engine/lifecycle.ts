/** Pauses, resumes and drops metrics. */
import type { ProblemSink } from "../model/problems.ts";
import { repeated } from "../model/problems.ts";
import type { Warehouse } from "../ports/ports.ts";
import type { Lifecycle } from "../ports/services.ts";
import type { Clock } from "../std/clock.ts";
import { BusyError, NotFoundError, UserError } from "../std/errors.ts";
import type { Generations } from "./generations.ts";
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
}

/** A lifecycle that also follows what other processes pause and resume. */
export interface FollowedLifecycle extends Lifecycle {
  /** Looks once a second until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
}

const LOOK_MS = 1000;
/** Within so long every process has noticed a pause, and writes to the metric's tables no more. */
const NOTICED_MS = 5 * LOOK_MS;
const MOST_CHARACTERS_BY = 200;

/** What {@link Lifecycle} does. */
export function createLifecycle(options: LifecycleOptions): FollowedLifecycle {
  const { plugins, generations, retirement, warehouse, clock, problems, onChange } = options;
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
  return {
    async pause(name, by) {
      checkBy("pause", by);
      await follow();
      const refused = plugins.refused.find((one) => one.name === name);
      if (plugins.pauses.has(name)) return;
      if (refused !== undefined) {
        throw new UserError(`Cannot pause metric "${name}": ${refused.problem.message}`);
      }
      if (!plugins.loaded.some(({ plugin }) => plugin.name === name)) throw unknown("pause", name);
      await change(name, by, true);
    },
    isPaused: (name) => plugins.pauses.has(name),
    async resume(name, by) {
      checkBy("resume", by);
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
    async run(signal) {
      const report = { code: "generations_unknown", subject: "paused metrics" } as const;
      while (!signal.aborted) {
        await clock.sleep(LOOK_MS, signal);
        if (signal.aborted) return;
        const look = async () => {
          if (await plugins.follow()) onChange();
        };
        await repeated(problems, report, "find out which metrics are paused", look, signal);
      }
    },
  };
}

const unknown = (verb: string, name: string) =>
  new NotFoundError(`Cannot ${verb} metric "${name.slice(0, 80)}": there is no such metric`, {
    field: "name",
  });

function checkBy(verb: string, by: string): void {
  const characters = [...by.trim()].length;
  if (characters > 0 && characters <= MOST_CHARACTERS_BY) return;
  throw new UserError(
    `Cannot ${verb} a metric: by must be a name of 1 to ${MOST_CHARACTERS_BY} characters, got ` +
      `${characters}`,
    { field: "by" },
  );
}
