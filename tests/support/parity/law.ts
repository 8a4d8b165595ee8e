import { join } from "node:path";
import { fc } from "testing";
import { loadDeclarations } from "../../../runtime/engine/load_plugins.ts";
import { pluginFolders } from "../../../runtime/engine/plugin_folders.ts";
import { grainStarts } from "../../../runtime/declaration/batch_sql.ts";
import { definePlugin } from "../../../runtime/define_plugin.ts";
import { count, type Grain, sessions } from "../../../runtime/plugin.ts";
import { movieViewing } from "../../../plugins/movie_viewing.schema.ts";
import type { Warehouse } from "../../../runtime/ports/ports.ts";
import { openEmbeddedWarehouse } from "../../../runtime/warehouse/embedded_warehouse.ts";
import { migrate, readMigrations } from "../../../runtime/warehouse/migrations.ts";
import type { EngineModules } from "./engine_modules.ts";
import { play, schedules } from "./schedule.ts";
import { World, type WorldOptions } from "./world.ts";

const root = new URL("../../../", import.meta.url).pathname;

/** Sessions of users: the example has none. */
const visits = definePlugin(movieViewing, {
  name: "visits",
  summary: "Sessions of users",
  key: ({ user_id }) => ({ user_id }),
  measures: () => ({ visits: sessions({ gap: "10s" }), event_count: count() }),
});

const declared = await loadDeclarations(pluginFolders(root));

/** Plugins by name: the example's, and one of sessions. */
export const plugins: ReadonlyMap<string, Declared> = new Map(
  [...declared.plugins, { plugin: visits, batchSql: visits.batch.sql }]
    .map((loaded) => [loaded.plugin.name, loaded]),
);

/** A warehouse in a folder of its own, for all cases of one test file. */
export async function openLaboratory(): Promise<
  { warehouse: Warehouse; dir: string; close: () => Promise<void> }
> {
  const dir = await Deno.makeTempDir({ prefix: "twofold-parity-" });
  const warehouse = await openEmbeddedWarehouse({
    dir: join(dir, "warehouse"),
    database: "parity",
    memoryLimitBytes: 2 ** 31,
  });
  await migrate(warehouse, await readMigrations(join(root, "sql", "migrations")));
  return {
    warehouse,
    dir,
    close: async () => {
      await warehouse.close();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** A plugin of the example as if it were declared with another grain. */
function withGrain({ plugin, batchSql }: Declared, grain: Grain): Declared {
  const [hour, start] = [plugin.batch.grain, grain].map((of) => `${grainStarts[of]}(event_time)`);
  if (!batchSql.includes(hour)) throw new Error(`batch SQL of ${plugin.name} without ${hour}`);
  return {
    plugin: { ...plugin, batch: { ...plugin.batch, grain } },
    batchSql: batchSql.replaceAll(hour, start),
  };
}

type Declared = Pick<WorldOptions, "plugin" | "batchSql">;

let serial = 0;

/** Of closed blocks none, a few or all stay in a process's memory. */
const RECENT_BYTES = [0, 2_000, 1e9];

/** One run of the law. */
export interface LawOptions {
  readonly engine: EngineModules;
  readonly plugin: string;
  readonly warehouse: Warehouse;
  readonly dir: string;
  readonly runs: number;
  readonly seed?: number;
  /** Stop at the first failing case, without shrinking it. */
  readonly quick?: boolean;
}

/**
 * Parity: for any sequence of events, any partitions, any crash points and any cut, speed =
 * batch = merged = what the events say, at every answer up to the answer's own frontier.
 *
 * @returns what fast-check found.
 */
export async function checkParity(options: LawOptions) {
  const { engine, warehouse, dir, runs, seed, quick } = options;
  const declared = plugins.get(options.plugin)!;
  return await fc.check(
    fc.asyncProperty(schedules, async ({ partitions, moves, grain, windowMoves }) => {
      const world = await World.open({
        engine,
        ...withGrain(declared, grain),
        warehouse,
        dir,
        partitions,
        recentBytes: RECENT_BYTES[moves.length % RECENT_BYTES.length],
        serial: ++serial,
      });
      try {
        const fault = await play(world, partitions, moves, windowMoves);
        if (fault !== null) throw new Error(fault);
      } finally {
        await world.close();
      }
    }),
    { numRuns: runs, seed, endOnFailure: quick },
  );
}

/** What a run of the law found, in words: "" when it holds. */
export function report(found: Awaited<ReturnType<typeof checkParity>>): string {
  if (!found.failed) return "";
  const fault = found.errorInstance instanceof Error ? found.errorInstance.message : "";
  return `${fault}\n${fc.defaultReportMessage(found)}`;
}
