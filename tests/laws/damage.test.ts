import { afterAll, beforeAll, describe, expect, it } from "testing";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { openWarehouse } from "../support/batch_world.ts";
import { DamageWorld, type Outcome } from "../support/damage_world.ts";
import { byTier, firstSeed } from "../support/tier.ts";
import ratings from "../../plugins/ratings.ts";

const SEEDS = byTier({ quick: 3, full: 25, long: 500 });
const FIRST = firstSeed();

describe("damage", () => {
  let dir: string;
  let warehouse: Warehouse;
  let world: DamageWorld;
  let right: Outcome;
  beforeAll(async () => {
    dir = await Deno.makeTempDir();
    warehouse = await openWarehouse();
    const sql = new URL(`../../sql/${ratings.batch.sql}`, import.meta.url);
    world = await DamageWorld.prepare(
      dir,
      warehouse,
      ratings as never,
      await Deno.readTextFile(sql),
    );
    right = await world.outcome(world.prepared);
  });
  afterAll(async () => {
    await warehouse.close();
    await Deno.remove(dir, { recursive: true });
  });

  it("is not found where there is none", () => {
    expect(right).toMatchObject({ refused: null, problems: [] });
    expect(right.report?.findings).toEqual([]);
    expect(right.published).not.toBe(null);
  });

  it(`of archive, manifests, claims and log is found and named, or harmless (${SEEDS} seeds)`, async () => {
    let found = 0;
    const wrong: string[] = [];
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const { folder, object, damage } = await world.damaged(seed);
      const { refused, report, published, records } = await world.outcome(folder);
      const about = `seed ${seed}: ${damage} ${object}`;
      await Deno.remove(folder, { recursive: true });
      const names = report?.findings.map(({ object }) => object) ?? [];
      // Whatever was published is what the whole archive gives.
      if (published !== null && published !== right.published) wrong.push(`${about}: published`);
      if (refused !== null) {
        found++;
        if (!/\.(sqlite|json)/.test(refused)) wrong.push(`${about}: refused by "${refused}"`);
      } else if (!report!.ok) {
        found++;
        for (const name of names) {
          if (!/\.(sqlite|json|parquet)$/.test(name)) wrong.push(`${about}: names "${name}"`);
        }
      } else if (published !== right.published || records !== right.records) {
        wrong.push(`${about}: not found, ${published}, ${records}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(found).toBeGreaterThan(SEEDS / 4);
  });
});
