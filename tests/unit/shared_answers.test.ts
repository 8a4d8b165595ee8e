import { describe, expect, it } from "testing";
import { shareAnswers } from "../../runtime/engine/shared_answers.ts";
import type { MetricQuery, Services } from "../../runtime/ports/services.ts";
import { fakeServices } from "../support/fake_services.ts";
import { moviesAnswer, someStatus } from "../support/sample_answers.ts";
import { ManualClock } from "../support/manual_clock.ts";

/** Services whose answers tell how often they were asked, and how often that was. */
function counted() {
  const clock = new ManualClock();
  const asked = { query: 0, status: 0, flushes: 0 };
  const fakes = fakeServices();
  const batch = new Map(fakes.batch);
  const services: Services = {
    ...fakes,
    batch,
    serving: {
      ...fakes.serving,
      position: () => Promise.resolve(String(asked.flushes)),
      query: () => Promise.resolve({ ...moviesAnswer, frontier: `local-1_${++asked.query}` }),
    },
    status: () => Promise.resolve({ ...someStatus, version: String(++asked.status) }),
  };
  const shared = shareAnswers(services, clock);
  const frontier = async (query: Omit<MetricQuery, "keys"> = {}) =>
    (await shared.serving.query("popular_movies", { ...query, keys: {} })).frontier;
  return { clock, asked, batch, shared, frontier };
}

describe("shared answers", () => {
  it("are made anew when the metric has moved, and nobody who keeps asking waits", async () => {
    const { clock, asked, frontier } = counted();
    expect(await frontier()).toBe("local-1_1");
    for (let flush = 1; flush <= 5; flush++) {
      for (let ms = 0; ms < 400; ms += 10) {
        clock.advance(10);
        expect(await frontier()).toBe(`local-1_${flush}`);
      }
      expect(asked.query).toBe(flush);
      asked.flushes++;
      // What was asked for 400 ms ago is handed out once more, while the next one is made.
      expect(await frontier()).toBe(`local-1_${flush}`);
      expect(asked.query).toBe(flush + 1);
      expect(await frontier()).toBe(`local-1_${flush + 1}`);
    }
    asked.flushes++;
    clock.advance(1000);
    expect(await frontier()).toBe("local-1_7");
  });

  it("are made anew after two seconds even so: a run may have been published", async () => {
    const { clock, asked, frontier } = counted();
    for (let ms = 0; ms < 2000; ms += 100) {
      expect(await frontier()).toBe("local-1_1");
      clock.advance(100);
    }
    expect(await frontier()).toBe("local-1_2");
    expect(asked.query).toBe(2);
  });

  it("are never older than what somebody who waited for a frontier was told", async () => {
    const { asked, frontier } = counted();
    expect(await frontier()).toBe("local-1_1");
    expect(await frontier({ wait_for: "local-1_2" })).toBe("local-1_2");
    expect(await frontier()).toBe("local-1_3");
    expect(await frontier()).toBe("local-1_3");
    expect(asked.query).toBe(3);
  });

  it("are forgotten when a run ends", async () => {
    const { shared, frontier } = counted();
    expect(await frontier()).toBe("local-1_1");
    await shared.batch.get("movies")!.run();
    expect(await frontier()).toBe("local-1_2");
  });

  it("are forgotten, too, when a run ends of a topic that was added since", async () => {
    const { batch, shared, frontier } = counted();
    expect(await frontier()).toBe("local-1_1");
    batch.set("bills", batch.get("movies")!);
    expect([...shared.batch.keys()]).toEqual(["movies", "bills"]);
    await shared.batch.get("bills")!.run();
    expect(await frontier()).toBe("local-1_2");
  });

  it("of the status are as old as they always were", async () => {
    const { clock, shared } = counted();
    expect((await shared.status()).version).toBe("1");
    expect((await shared.status()).version).toBe("1");
    clock.advance(200);
    expect((await shared.status()).version).toBe("2");
  });
});
