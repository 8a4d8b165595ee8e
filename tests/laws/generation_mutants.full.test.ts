/** Cases of generations that hold here, and on each mutant that undoes a part of it do not. */
import { condition } from "../support/condition.ts";
import { afterAll, beforeEach, describe, expect, it } from "testing";
import { Generations } from "../../runtime/engine/generations.ts";
import { generationOf } from "../../runtime/model/generation.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { openWarehouse, usersPlugin } from "../support/batch_world.ts";
import { GenerationWorld, MERGED } from "../support/generation_world.ts";
import { makeMutant, type Patch } from "../support/parity/engine_modules.ts";

const OLD = "v1_00000001";
const NEW = "v1_00000002";

const switchedBeforeItsRun: Patch = {
  file: "runtime/engine/metric_generation.ts",
  find: `  // Where the other has no run either, nothing that it shows would be missed.
  if (run === null && old.run !== null) return { share, waitsFor: "its first batch run" };
  if (gap !== null) return { share, waitsFor: gap };
`,
  replace: "",
};
const withoutItsHelpers: Patch = {
  file: "runtime/model/generation.ts",
  find: `modules: hasFunctions(plugin) ? Object.entries(modules).sort(byName) : [],`,
  replace: `modules: [],`,
};

async function loadMutant<Modules>(
  name: string,
  patch: Patch,
  module = patch.file,
): Promise<Modules> {
  const base = await makeMutant(name, [patch]);
  return await import(new URL(module, base).href);
}

describe("a relation during a change of its metric", () => {
  let warehouse: Warehouse;
  beforeEach(async () => {
    await warehouse?.close();
    warehouse = await openWarehouse();
  });
  afterAll(() => warehouse.close());

  /** What the merged relation shows before the new generation has run, over a log that was trimmed. */
  async function shown(create?: typeof Generations): Promise<number> {
    const world = new GenerationWorld(warehouse, create);
    await world.start(OLD, { start: 0n, frontier: 200n });
    await world.publish(OLD, 1, 60, 100);
    await world.flush(OLD, 40, 100, 200);
    const process = await world.start(NEW, { start: 150n, frontier: 200n });
    await world.flush(NEW, 10, 150, 200);
    await process.generations.look();
    return await world.total(MERGED);
  }

  it("keeps what it showed", async () => {
    expect(await shown()).toBe(100);
  });

  it("lacks events on an engine with a relation switched before its run", async () => {
    const mutant = await loadMutant<{ Generations: typeof Generations }>(
      "switched-before-its-run",
      switchedBeforeItsRun,
      "runtime/engine/generations.ts",
    );
    expect(await shown(mutant.Generations)).toBe(10);
  });
});

describe("two helpers of one filter", () => {
  const plugin = { ...usersPlugin, where: condition(() => true) };
  /** How many generations there are of code that differs by a helper alone. */
  const generations = (of: typeof generationOf) => {
    const names = ["> 5", "> 2"].map((helper) =>
      of(plugin, {
        batchSql: "",
        decoderVersion: 1,
        blockSize: 100,
        horizon: 100,
        modules: { "plugins/lib.ts": helper },
      })
    );
    return new Set(names).size;
  };

  it("make two generations", () => {
    expect(generations(generationOf)).toBe(2);
  });

  it("make one on an engine with a generation without its helpers", async () => {
    const mutant = await loadMutant<{ generationOf: typeof generationOf }>(
      "without-its-helpers",
      withoutItsHelpers,
    );
    expect(generations(mutant.generationOf)).toBe(1);
  });
});
