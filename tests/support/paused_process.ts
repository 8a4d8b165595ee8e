/** A batch layer whose process is paused right before it decides something, while others go on. */
import type { createBatchLayer } from "../../runtime/batch/batch_layer.ts";
import type { ObjectStore, Warehouse } from "../../runtime/ports/ports.ts";
import type { BatchRun } from "../../runtime/ports/services.ts";
import type { BatchPlugin } from "../../runtime/batch/plugin_step.ts";
import { event, LOG } from "./batch_events.ts";
import { batchPlugin, BatchWorld, usersPlugin, usersSql } from "./batch_world.ts";

/** What came of it. */
export interface PausedProcess {
  readonly world: BatchWorld;
  readonly users: BatchPlugin;
  /** The run of the process that was paused. */
  readonly paused: BatchRun;
  /** The runs of the others meanwhile. */
  readonly others: readonly BatchRun[];
}

/**
 * Pauses a process at its put below `folder` ("runs" or "successors"), lets another one publish 6
 * runs of which 2 are kept, and lets the first go on.
 */
export async function pauseAt(
  folder: "runs" | "successors",
  warehouse: Warehouse,
  create: typeof createBatchLayer,
  variant: number,
): Promise<PausedProcess> {
  const world = await BatchWorld.open(warehouse);
  const users = batchPlugin(usersPlugin, usersSql, variant);
  const settings = { memoryLimitBytes: 1e9, maxQueryMs: 1000, runsKept: 2 };
  let events = 0;
  const append = () => world.append(LOG, 0, [event({ user: ++events % 3 })]);
  const other = world.layer([users], { settings }, create);
  await append();
  await other.run();
  await append();
  const gate = gateAt(world.store, `plays.of-movies/${folder}/`);
  const paused = world.layer([users], { settings, store: gate.store }, create).run();
  await gate.reached;
  const others: BatchRun[] = [];
  for (let i = 0; i < 6; i++) {
    await append();
    world.clock.ms += 60_000;
    others.push((await other.run())!);
  }
  await append();
  gate.open();
  return { world, users, paused: (await paused)!, others };
}

/** A store whose first put below `prefix` waits until the gate opens. */
function gateAt(store: ObjectStore, prefix: string) {
  const reached = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  return {
    reached: reached.promise,
    open: () => opened.resolve(),
    store: {
      ...store,
      put: async (...[name, ...rest]: Parameters<ObjectStore["put"]>) => {
        if (name.startsWith(prefix)) {
          reached.resolve();
          await opened.promise;
        }
        return await store.put(name, ...rest);
      },
    },
  };
}
