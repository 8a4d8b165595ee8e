import { describe, expect, it } from "testing";
import ratings from "../../plugins/ratings.ts";
import { MetricSource, sharedOptions } from "../../runtime/serving/metric_source.ts";
import type { ServedTopic, ServingOptions } from "../../runtime/serving/serving_options.ts";
import { tablesOf } from "../../runtime/sql/tables.ts";
import { systemClock } from "../../runtime/std/clock.ts";
import { BusyError } from "../../runtime/std/errors.ts";

const source = new MetricSource(
  sharedOptions({ clock: systemClock, queryTimeoutMs: 5 } as ServingOptions),
  {} as ServedTopic,
  tablesOf(ratings, "v1_test"),
);
/** Ends with the signal's reason, as a statement that is killed does. */
const endless = (signal: AbortSignal) =>
  new Promise<never>((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason), { once: true })
  );

describe("a question that takes too long", () => {
  it("is refused as one to ask again, in words that say what to do", async () => {
    const error = await source.inTime(undefined, endless).catch((error) => error);
    expect(error).toBeInstanceOf(BusyError);
    expect(error.message).toBe(
      'Cannot query metric "ratings": it took longer than 5 ms; ask for less, by key or by time',
    );
  });

  it("is not one whose reader has left", async () => {
    const gone = new AbortController();
    const asked = source.inTime(gone.signal, endless);
    gone.abort(new Error("gone"));
    await expect(asked).rejects.toThrow("gone");
  });
});
