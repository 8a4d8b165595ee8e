import { describe, expect, it } from "testing";
import { parseCron, runOnSchedule } from "../../runtime/batch/schedule.ts";
import { day } from "../support/batch_events.ts";

describe("schedule", () => {
  it("reads cron expressions in UTC and names what it cannot read", () => {
    const next = (cron: string) => new Date(parseCron(cron).next(day(0, 1))!).toISOString();
    expect(next("*/15 * * * *")).toBe("2013-07-20T01:15:00.000Z");
    expect(next("30 0 * * *")).toBe("2013-07-21T00:30:00.000Z");
    expect(() => parseCron("every day")).toThrow(`got "every day"`);
    expect(() => parseCron("0 5 * * * *")).toThrow(`got "0 5 * * * *"`);
  });

  it("runs at each time, reports errors and goes on", async () => {
    const abort = new AbortController();
    let now = day(0, 1);
    const times: string[] = [];
    const errors: unknown[] = [];
    const clock = {
      now: () => now,
      sleep: (ms: number) => Promise.resolve(void (now += ms)),
    };
    const run = () => {
      times.push(new Date(now).toISOString().slice(11, 16));
      now += 80 * 60_000;
      if (times.length === 3) abort.abort();
      return Promise.reject(new Error(`run ${times.length}`));
    };
    await runOnSchedule(run, "5 * * * *", clock, abort.signal, (error) => errors.push(error));
    // A run of 80 minutes: the time that passes meanwhile is left out.
    expect(times).toEqual(["01:05", "03:05", "05:05"]);
    expect(errors.length).toBe(2);
  });
});
