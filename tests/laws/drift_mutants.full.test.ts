/** Cases of drift that hold here, and on each mutant that undoes a part of it do not. */
import { afterAll, beforeAll, describe, expect, it } from "testing";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { day } from "../support/batch_events.ts";
import { batchPlugin, openWarehouse, usersPlugin, usersSql } from "../support/batch_world.ts";
import { type CreateBatchLayer, DriftWorld } from "../support/drift_world.ts";
import { loadMutant, type Patch } from "../support/parity/engine_modules.ts";

/** What a plugin with a wrong SQL shows after two runs, of which the second touches another day. */
async function driftAfter(
  warehouse: Warehouse,
  serial: number,
  [right, wrong]: readonly [string, string],
  create?: CreateBatchLayer,
  plugin = usersPlugin,
): Promise<number | null> {
  const users = batchPlugin(plugin, usersSql.replace(right, wrong), 200 + serial);
  const world = await DriftWorld.open(warehouse);
  const layer = world.layer([users], {}, create);
  await world.run(layer, [users], [
    { movie: 10, duration: null },
    { movie: 11 },
    { movie: 12, duration: 2.5 },
    { movie: 10, ms: day(0, 1), duration: 2 },
  ]);
  await world.run(layer, [users], [{ ms: day(4), movie: 1 }]);
  return (await layer.drift())[0].drift;
}

interface DriftMutant {
  readonly name: string;
  /** What is right in the SQL, and what makes it wrong. */
  readonly sql: readonly [string, string];
  readonly drift: number;
  readonly patch: Patch;
}

const mutants: readonly DriftMutant[] = [
  {
    name: "drift of the newest run only",
    sql: ["count(duration) AS mean_count", "count() AS mean_count"],
    drift: 1,
    patch: {
      file: "runtime/batch/drift_days.ts",
      find: `const standing = "differing_cells > 0`,
      replace: `const standing = "newest AND differing_cells > 0`,
    },
  },
  {
    name: "drift without sets",
    sql: ["groupUniqArray(movie_id)", "groupUniqArray(toUInt32(movie_id % 10))"],
    drift: 8,
    patch: {
      file: "runtime/batch/comparison_sql.ts",
      find: `const measures = plugin.measureColumns;`,
      replace: `const measures = plugin.measureColumns.filter((m) => !m.large);`,
    },
  },
  {
    name: "sets compared by their size",
    sql: ["groupUniqArray(movie_id)", "groupUniqArray(toUInt32(movie_id % 10))"],
    drift: 8,
    patch: {
      file: "runtime/measures/uniq.ts",
      find: "2 * length(arrayIntersect(${a}, ${b}))",
      replace: "2 * least(length(${a}), length(${b}))",
    },
  },
  {
    name: "drift of sums alone",
    sql: ["min(duration) AS shortest", "max(duration) AS shortest"],
    drift: 1,
    patch: {
      file: "runtime/batch/comparison_sql.ts",
      find: `const measures = plugin.measureColumns;`,
      replace: `const measures = plugin.measureColumns.filter((m) => m.cancels);`,
    },
  },
];

describe("a case of drift fails on", () => {
  let warehouse: Warehouse;
  beforeAll(async () => {
    warehouse = await openWarehouse();
  });
  afterAll(() => warehouse.close());

  for (const [i, { name, sql, drift, patch }] of mutants.entries()) {
    it(name, async () => {
      const mutant = await loadMutant(`drift-${i}`, [patch]);
      const plugin = { ...usersPlugin, ...mutant.columnsOfMeasures(usersPlugin) };
      expect(await driftAfter(warehouse, 2 * i, sql)).toBe(drift);
      expect(await driftAfter(warehouse, 2 * i + 1, sql, mutant.createBatchLayer, plugin))
        .toBe(0);
    });
  }
});
