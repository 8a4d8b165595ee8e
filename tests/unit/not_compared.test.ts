import { afterAll, beforeAll, describe, expect, it } from "testing";
import { waitingSince } from "../../runtime/batch/drift_days.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { PublishedRuns } from "../../runtime/serving/published_runs.ts";
import { openWarehouse } from "../support/batch_world.ts";
import { api } from "../support/asked_api.ts";
import { fakeServices } from "../support/fake_services.ts";
import { moviesAnswer } from "../support/sample_answers.ts";
import { GenerationWorld } from "../support/generation_world.ts";
import { HandClock, served, ServingWorld } from "../support/serving_world.ts";

const GENERATION = "v1_00000001";
const why = {
  reason: "waiting",
  message: "the run was published and has not been compared yet",
  since: "2026-01-05T00:00:00.000Z",
} as const;

describe("a run that was published and not compared yet", () => {
  let warehouse: Warehouse;
  beforeAll(async () => {
    warehouse = await openWarehouse();
  });
  afterAll(() => warehouse.close());

  it("is known as such from its publication until its days are compared", async () => {
    const world = new GenerationWorld(warehouse);
    await world.start(GENERATION, { start: 0n, frontier: 200n });
    const tables = world.tables(GENERATION);
    const { clock } = world;
    let asked = 0;
    const runs = new PublishedRuns({
      warehouse,
      clock,
      waiting: (...of) => {
        asked++;
        return waitingSince(warehouse, ...of);
      },
    });
    const notCompared = () => runs.notCompared(tables, 0);
    const day = async (state: string, run: number, version: number) =>
      await warehouse.command(
        `INSERT INTO drift_days (topic, plugin, generation, day, state, reason, message, since, run,
          version) VALUES ('visits', 'visits', '${GENERATION}', '2026-01-05', '${state}',
          '${state === "waiting" ? why.reason : ""}', '${state === "waiting" ? why.message : ""}',
          '2026-01-05 00:00:00', ${run}, ${version})`,
      );
    expect(await notCompared()).toBe(null);
    await world.publish(GENERATION, 1, 60, 100);
    expect(await notCompared()).toBe(null);
    await day("waiting", 2, 8);
    expect(await notCompared()).toBe(null);
    await world.publish(GENERATION, 2, 60, 200);
    expect(await notCompared()).toEqual(why);
    await day("equal", 2, 10);
    expect(await notCompared()).toBe(null);
    const before = asked;
    expect(await notCompared()).toBe(null);
    expect(asked).toBe(before);
  });

  it("is said to be by answers that rest on it, and by no others", async () => {
    const waiting = () => Promise.resolve(why);
    const published = new PublishedRuns({ warehouse, clock: new HandClock(), waiting });
    const world = new ServingWorld(warehouse, { published });
    await world.clear();
    await world.generate(300);
    const [tables] = Object.values(served);
    await world.publish(tables, 1, [256, 256, 256]);
    const metric = tables.plugin.name;
    for (const layer of ["merged", "batch", "speed"]) {
      const expected = layer === "speed" ? null : why;
      const { not_compared } = await world.serving.query(metric, { layer, keys: {} });
      const series = await world.serving.series(metric, { layer, keys: {} });
      expect([not_compared, series.not_compared]).toEqual([expected, expected]);
    }
  });

  it("is in the answers of the API", async () => {
    const answer = { ...moviesAnswer, not_compared: why };
    const serving = { ...fakeServices().serving, query: () => Promise.resolve(answer) };
    const { body } = await api({ serving }).ask("/api/v1/metrics/popular_movies");
    expect(body.not_compared).toEqual(why);
  });
});
