/**
 * One body of NDJSON with errors in it, streamed into a process: TWOFOLD_UPLOAD_GB of it (10⁹ bytes;
 * default 0.1). Every error is told, the rest is counted, and memory does not grow with the body.
 */
import { join } from "node:path";
import { describe, expect, it } from "testing";
import type { IngestAnswer, Status } from "../../runtime/services.ts";
import { simulate } from "../../runtime/sources/simulator.ts";
import { RunningProcess } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { NEVER } from "../support/running_engine.ts";

const BODY_BYTES = Number(Deno.env.get("TWOFOLD_UPLOAD_GB") ?? 0.1) * 1e9;
const PIECE_BYTES = 256 * 1024;
/** The warehouse's limit of 256 MiB, the process without it, and what waits on its way. */
const MAX_RESIDENT_BYTES = 2 ** 30;
const CATCH_UP_MS = 3_600_000;

/** The most memory that a process had resident. Deno itself reads /proc only where it may do all. */
async function peakBytes(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/status`] }).output();
  const text = new TextDecoder().decode(stdout);
  return Number(/VmHWM:\s+(\d+)/.exec(text)![1]) * 1024;
}

/** A body, and what is in it so far. */
function upload() {
  const made = { bytes: 0, events: 0, bad: 0, long: 0 };
  const chunks = simulate({ rate: null, startMs: Date.UTC(2026, 0, 1), repeat: 0, late: 0 });
  const bad = new TextEncoder().encode('{"event_id":"cut off","user_id":\n[]\n{"user_id":-1}\n');
  const long = new TextEncoder().encode(`{"event_id":"${"x".repeat(1_500_000)}"}\n`);
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (made.bytes >= BODY_BYTES) return controller.close();
      const { value } = chunks.next();
      for (let at = 0; at < value.bytes.length; at += PIECE_BYTES) {
        controller.enqueue(value.bytes.subarray(at, at + PIECE_BYTES));
      }
      controller.enqueue(bad.slice());
      made.bytes += value.bytes.length + bad.length;
      made.events += value.events;
      made.bad += 3;
      if (made.bad % 300 !== 0) return;
      controller.enqueue(long.slice());
      made.bytes += long.length;
      made.long++;
    },
  });
  return { stream, made };
}

describe("an upload of many gigabytes", () => {
  it("goes through in bounded memory, with every error told and the rest counted", async () => {
    const dir = await Deno.makeTempDir({ prefix: "twofold-upload-" });
    const flags = ["--memory-limit", "256MiB", "--batch-schedule", NEVER, "--block-span", "1s"];
    const process = RunningProcess.spawn(join(dir, "data"), flags);
    try {
      const url = await process.url();
      const { stream, made } = upload();
      const startMs = performance.now();
      const response = await fetch(new URL("/api/v1/events", url), {
        ...{ method: "POST", body: stream, headers: { "content-type": "application/x-ndjson" } },
      });
      const answer: IngestAnswer = await response.json();
      const seconds = (performance.now() - startMs) / 1000;
      expect(response.status).toBe(200);
      expect(answer.accepted).toBe(made.events);
      expect(answer.rejected_total).toBe(made.bad + made.long);
      expect(answer.rejected).toHaveLength(Math.min(100, made.bad + made.long));
      const status = async (): Promise<Status> =>
        await (await fetch(new URL("/api/v1/status", url))).json();
      const { topics: [{ partitions }] } = await eventually(
        "all of it to be counted",
        status,
        ({ topics }) => topics[0].partitions.every(({ lag_records }) => lag_records === 0),
        { deadlineMs: CATCH_UP_MS, pauseMs: 500 },
      );
      const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
      expect(sum(partitions.map(({ events }) => events))).toBe(made.events);
      expect(sum(partitions.map(({ dead_letters }) => dead_letters))).toBe(made.bad + made.long);
      const peak = await peakBytes(process.child.pid);
      const rate = Math.round(made.events / seconds);
      console.log(
        `${(made.bytes / 1e9).toFixed(2)} GB, ${made.events} events, ${made.bad} bad and ` +
          `${made.long} long lines: ${seconds.toFixed(1)} s, ${rate} events/s, ` +
          `${Math.round(peak / 2 ** 20)} MiB resident at most`,
      );
      expect(peak).toBeLessThan(MAX_RESIDENT_BYTES);
    } finally {
      await process.end("SIGTERM");
      await Deno.remove(dir, { recursive: true });
    }
  });
});
