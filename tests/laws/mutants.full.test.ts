import { afterAll, beforeAll, describe, expect, it } from "testing";
import { loadMutant } from "../support/parity/engine_modules.ts";
import { checkParity, openLaboratory } from "../support/parity/law.ts";
import { claimBelowFloor, mutants } from "../support/parity/mutants.ts";
import { openWarehouse } from "../support/batch_world.ts";
import { pauseAt } from "../support/paused_process.ts";

/** The most cases before a mutant counts as having survived. */
const RUNS = 60;

describe("the law of parity fails on an engine with", () => {
  let laboratory: Awaited<ReturnType<typeof openLaboratory>>;
  beforeAll(async () => {
    laboratory = await openLaboratory();
  });
  afterAll(() => laboratory.close());

  for (const [i, { name, plugin, seed, patches }] of mutants.entries()) {
    it(name, async () => {
      const engine = await loadMutant(`mutant-${i}`, patches);
      const found = await checkParity({
        ...laboratory,
        engine,
        plugin,
        seed,
        runs: RUNS,
        quick: true,
      });
      expect(found.failed).toBe(true);
      // It failed because an answer was wrong, not because the mutant broke down.
      expect(String(found.errorInstance)).toMatch(/expected|missing|should not be|ends at|drift/);
      console.log(`  after ${found.numRuns} cases: ${String(found.errorInstance).slice(0, 160)}`);
    });
  }
});

describe("the law that a run's number is used once fails on an engine with", () => {
  it(claimBelowFloor.name, async () => {
    const { createBatchLayer } = await loadMutant("claim-below-floor", claimBelowFloor.patches);
    const warehouse = await openWarehouse();
    try {
      const { paused, others } = await pauseAt("runs", warehouse, createBatchLayer, 1);
      expect(others.map(({ run }) => run)).toContain(paused.run);
    } finally {
      await warehouse.close();
    }
  });
});
