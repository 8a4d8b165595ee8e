/**
 * One body of NDJSON with errors in it, streamed into a process: 5 GB of it in the tier `long`.
 * Every error is told, the rest is counted, and memory does not grow with the body.
 */
import { type IncomingMessage, request as httpRequest } from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, it } from "testing";
import type { IngestAnswer, Status } from "../../runtime/ports/services.ts";
import { simulate } from "../../plugins/viewing/simulator.ts";
import { RunningProcess } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { NEVER } from "../support/running_engine.ts";
import { byTier } from "../support/tier.ts";

const BODY_BYTES = byTier({ quick: 1e8, full: 1e8, long: 5e9 });
/**
 * The warehouse's limit of 256 MiB, its code and caches, 128 MiB of closed blocks for readers, the
 * columns, what waits on its way, and a heap per thread.
 */
const MAX_RESIDENT_BYTES = 1.5 * 2 ** 30;
const CATCH_UP_MS = 3_600_000;

/** The most memory that a process had resident. Deno itself reads /proc only where it may do all. */
async function peakBytes(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/status`] }).output();
  const text = new TextDecoder().decode(stdout);
  return Number(/VmHWM:\s+(\d+)/.exec(text)![1]) * 1024;
}

const AUDIENCE = { users: 20_000, movies: 2_000 };
const BAD = new TextEncoder().encode('{"event_id":"cut off","user_id":\n[]\n{"user_id":-1}\n');
const LONG = new TextEncoder().encode(`{"event_id":"${"x".repeat(1_500_000)}"}\n`);
/** Of the chunks, one in so many ends with a line over 1 MiB. */
const LONG_EVERY = 500;

/** Events, bad lines and long ones, and blank lines at the end: exactly {@link BODY_BYTES}. */
function* upload(made: { events: number; bad: number; long: number }): Generator<Uint8Array> {
  const options = { ...AUDIENCE, rate: 20_000, startMs: Date.UTC(2026, 0, 1) };
  let left = BODY_BYTES;
  let chunks = 0;
  for (const { ndjson, events } of simulate({ ...options, repeat: 0, late: 0 })) {
    const isLong = ++chunks % LONG_EVERY === 0;
    const parts = [new TextEncoder().encode(ndjson), BAD, ...isLong ? [LONG] : []];
    const sizeBytes = parts.reduce((sum, { length }) => sum + length, 0);
    if (sizeBytes > left) break;
    yield* parts;
    left -= sizeBytes;
    made.events += events;
    made.bad += 3;
    made.long += isLong ? 1 : 0;
  }
  yield new Uint8Array(left).fill(0x0a);
}

/** Posts it with its length, which the process needs in order to take it no faster than it can. */
async function post(url: string, body: Iterable<Uint8Array>): Promise<IngestAnswer> {
  const headers = { "content-type": "application/x-ndjson", "content-length": BODY_BYTES };
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = httpRequest(new URL("/api/v1/events", url), { method: "POST", headers }, resolve);
  request.on("error", reject);
  Readable.from(body).pipe(request);
  const response = await promise;
  const text = await Array.fromAsync(response.setEncoding("utf8") as AsyncIterable<string>);
  if (response.statusCode !== 200) throw new Error(text.join(""));
  return JSON.parse(text.join(""));
}

describe("an upload of many gigabytes", () => {
  it("goes through in bounded memory, with every error told and the rest counted", async () => {
    const dir = await Deno.makeTempDir({ prefix: "twofold-upload-" });
    const flags = ["--memory-limit", "256MiB", "--batch-schedule", NEVER];
    const server = RunningProcess.spawn(join(dir, "data"), flags);
    try {
      const url = await server.url();
      const made = { events: 0, bad: 0, long: 0 };
      const startMs = performance.now();
      const answer = await post(url, upload(made));
      const seconds = (performance.now() - startMs) / 1000;
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
      const peak = await peakBytes(server.child.pid);
      const rate = Math.round(made.events / seconds);
      console.log(
        `${(BODY_BYTES / 1e9).toFixed(2)} GB, ${made.events} events, ${made.bad} bad and ` +
          `${made.long} long lines: ${seconds.toFixed(1)} s, ${rate} events/s, ` +
          `${Math.round(peak / 2 ** 20)} MiB resident at most`,
      );
      expect(peak).toBeLessThan(MAX_RESIDENT_BYTES);
    } finally {
      await server.end("SIGTERM");
      await Deno.remove(dir, { recursive: true });
    }
  });
});
