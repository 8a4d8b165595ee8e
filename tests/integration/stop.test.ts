import { describe, expect, it } from "testing";
import type { Status } from "../../runtime/ports/services.ts";
import { runCommand, RunningProcess } from "../support/command.ts";
import { movieEvents, take } from "../support/movie_events.ts";

const EVENTS = 3000;
const STOP_MS = 10_000;
/** More than end while a listener lets its last answers end. */
const QUEUED_RUNS = 200;

describe("a process that is told to stop", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`by ${signal} in the middle of events and batch runs flushes and ends with 0`, async () => {
      const dir = await Deno.makeTempDir({ prefix: "twofold-stop-" });
      const flags = ["--block-size", "256", "--flush-interval", "1m", "--log-level", "warn"];
      const running = RunningProcess.spawn(dir, flags);
      const url = await running.url();
      const made = movieEvents({ seed: 9, firstUser: 1, aroundMs: Date.now() });
      const answer = await fetch(new URL("/api/v1/events", url), {
        method: "POST",
        headers: { "content-type": "application/x-ndjson" },
        body: take(made, EVENTS).map((event) => JSON.stringify(event) + "\n").join(""),
      });
      expect((await answer.json()).accepted).toBe(EVENTS);
      // A run, or its queue, is under way whenever the signal comes.
      const runs = Array.from(
        { length: QUEUED_RUNS },
        () =>
          fetch(new URL("/api/v1/batch/runs?full=true", url), { method: "POST" })
            .then((response) => response.body?.cancel(), () => {}),
      );

      const startMs = performance.now();
      expect([await running.end(signal), running.text.includes("Bad resource")])
        .toEqual([0, false]);
      expect(performance.now() - startMs).toBeLessThan(STOP_MS);
      await Promise.all(runs);

      const { code, out } = await runCommand(
        ["status", "--json", "--data", dir],
        { TWOFOLD_BLOCK_SIZE: "256" },
      );
      expect(code).toBe(0);
      const { topics: [{ partitions }] }: Status = JSON.parse(out);
      expect(partitions.map((of) => of.lag_records)).toEqual([0, 0, 0, 0]);
      expect(partitions.reduce((sum, of) => sum + of.events, 0)).toBe(EVENTS);
      await Deno.remove(dir, { recursive: true });
    });
  }
});
