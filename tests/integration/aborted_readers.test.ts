import { afterAll, beforeAll, describe, expect, it } from "testing";
import { type DashboardWorld, openDashboardWorld } from "../support/dashboard_world.ts";
import { byTier } from "../support/tier.ts";

const METRICS = ["ratings", "popular_movies", "hourly_stats", "user_stats"];
/** Questions that their readers give up, by reader. */
const GIVEN_UP = byTier({ quick: 150, full: 900, long: 900 });
const MOST_MS = 25;

let world: DashboardWorld;
beforeAll(async () => {
  world = await openDashboardWorld({ days: 1 });
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

/** Rows or a series of one of the metrics, by turns. */
function question(n: number): string {
  const metric = `${world.url}/api/v1/metrics/${METRICS[n % METRICS.length]}`;
  const layer = n % 3 === 0 ? "speed" : "merged";
  return n % 2 === 0
    ? `${metric}?layer=${layer}&limit=${1 + n % 50}`
    : `${metric}/series?layer=${layer}&bucket=hour&from=${new Date().toISOString().slice(0, 10)}`;
}

describe("readers that give up", () => {
  it("leave the answers of others as they are, and no alarm", async () => {
    let reading = GIVEN_UP * 3;
    const faults: string[] = [];
    const impatient = async (reader: number) => {
      for (let n = reader; n < GIVEN_UP * 3; n += 3, reading--) {
        const signal = AbortSignal.timeout(n * 7 % MOST_MS);
        await fetch(question(n), { signal }).then((response) => response.text()).catch(() => {});
      }
    };
    const patient = async (first: number) => {
      for (let n = first; reading > 0; n += 5) {
        const response = await fetch(question(n));
        const text = await response.text();
        if (response.status !== 200 || text.includes("damaged")) faults.push(text.slice(0, 300));
      }
    };
    const producer = async () => {
      while (reading > 0) await world.post(world.views(770828, 30));
    };
    await Promise.all([...[0, 1, 2].map(impatient), patient(1), patient(2), producer()]);
    expect(faults).toEqual([]);
    expect((await world.engine.status()).problems).toEqual([]);
  });
});
