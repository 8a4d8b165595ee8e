import { afterAll, beforeAll, describe, expect, it } from "testing";
import type { ProcessMemory } from "../../runtime/ports/services.ts";
import { RunningEngine } from "../support/running_engine.ts";

/** The memory goes on changing while it is read. */
const SLACK_BYTES = 16 * 2 ** 20;

describe("the memory of a process", () => {
  let dir: string;
  let running: RunningEngine;

  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-memory-" });
    running = await RunningEngine.open({ dir });
  });
  afterAll(async () => {
    await running.close();
    await Deno.remove(dir, { recursive: true });
  });

  const memory = () => running.get<ProcessMemory>("/api/v1/status/memory");
  const bytesOf = ({ parts }: ProcessMemory, wanted: string, of: string | null = null) =>
    parts.find(({ part, thread }) => part === wanted && thread === of)!.bytes;

  it("is what the kernel says, and its parts add up to it", async () => {
    const told = await memory();
    // The permissions of tests do not cover /proc.
    const { stdout } = await new Deno.Command("cat", { args: [`/proc/${Deno.pid}/status`] })
      .output();
    const status = new TextDecoder().decode(stdout);
    const kib = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)![1]);
    expect(Math.abs(told.resident_bytes - 1024 * kib("VmRSS"))).toBeLessThan(SLACK_BYTES);
    expect(Math.abs(told.anonymous_bytes! - 1024 * kib("RssAnon"))).toBeLessThan(SLACK_BYTES);
    expect(Math.abs(bytesOf(told, "files") - 1024 * kib("RssFile"))).toBeLessThan(SLACK_BYTES);
    const sum = told.parts.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(sum).toBeGreaterThanOrEqual(told.resident_bytes);
    expect(sum - told.resident_bytes).toBeLessThan(SLACK_BYTES);
  });

  it("names the threads, the engine and what is held of events", async () => {
    const told = await memory();
    for (const thread of ["main", "engine"]) {
      expect(bytesOf(told, "heap_used", thread)).toBeGreaterThan(2 ** 20);
    }
    expect(bytesOf(told, "engine")).toBeGreaterThan(2 ** 24);
    expect(bytesOf(told, "columns")).toBeGreaterThan(2 ** 18);
  });

  it("goes back to the system when large buffers are freed, though small ones lie between", async () => {
    const notHeld = async () => {
      const told = await memory();
      return told.anonymous_bytes! - bytesOf(told, "buffers", "main");
    };
    const before = await notHeld();
    let small: Uint8Array[] = [];
    for (let i = 0; i < 2400; i++) {
      new Uint8Array(200_000 + (i * 48_271) % 3_000_000).fill(1);
      small.push(new Uint8Array(20_000).fill(1));
      if (small.length > 300) small = small.slice(100);
    }
    expect(await notHeld() - before).toBeLessThan(64 * 2 ** 20);
  });

  it("grows with the identities by which repeats are found", async () => {
    const before = bytesOf(await memory(), "repeats");
    const events = Array.from({ length: 20_000 }, (_, i) => ({
      event_id: `e${i}`,
      user_id: 7,
      movie_id: 3,
      event_type: "view",
      timestamp: "2026-05-01T12:00:00Z",
    }));
    const { frontier } = await running.post(events);
    await running.metric("hourly_stats", { wait_for: frontier });
    // All of user 7's are in one partition.
    expect(bytesOf(await memory(), "repeats") - before).toBe(24 * (2 ** 15 - 2 ** 12));
  });
});
