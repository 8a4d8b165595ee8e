import { afterAll, beforeAll, describe, expect, it } from "testing";
import { loadEngine } from "../support/parity/engine_modules.ts";
import { checkParity, openLaboratory, plugins, report } from "../support/parity/law.ts";
import { byTier } from "../support/tier.ts";

/** Cases per plugin. */
const runs = byTier({ quick: 2, full: 15, long: 200 });

describe("law of parity: speed = batch = merged", () => {
  let laboratory: Awaited<ReturnType<typeof openLaboratory>>;
  beforeAll(async () => {
    laboratory = await openLaboratory();
  });
  afterAll(() => laboratory.close());

  for (const plugin of plugins.keys()) {
    it(`holds for ${plugin}, whatever happens in whatever order`, async () => {
      const found = await checkParity({ ...laboratory, engine: await loadEngine(), plugin, runs });
      expect(report(found)).toBe("");
    });
  }
});
