import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "testing";
import { createVerification, type VerifiedTopic } from "../../runtime/engine/verification.ts";
import type { ObjectStore, Warehouse } from "../../runtime/ports/ports.ts";
import { Problems } from "../../runtime/model/problems.ts";
import { ManualClock } from "../support/manual_clock.ts";

const HOUR_MS = 3_600_000;

/** A warehouse of one table of 1,000 bytes, which is damaged as long as the test says so. */
function openWorld(options: { bytesPerSecond?: number; isOurTurn?: () => boolean } = {}) {
  const clock = new ManualClock(1e12);
  const problems = new Problems(clock);
  const world = { damaged: true, lost: false, checks: 0, failing: false, onList: () => {} };
  const warehouse = {
    query(sql: string) {
      if (world.failing) return Promise.reject(new Error("Cannot reach the warehouse"));
      if (sql.includes("system.tables")) return Promise.resolve([{ name: "t", bytes: 1000 }]);
      if (sql.includes("detached_parts")) {
        return Promise.resolve(
          world.lost ? [{ table: "t", name: "broken-on-start_all_2_2_0" }] : [],
        );
      }
      world.checks++;
      const message = "Code: 40. Checksum mismatch for file data.bin";
      return Promise.resolve([
        { part_path: "all_1_1_0", is_passed: world.damaged ? 0 : 1, message },
      ]);
    },
  } as unknown as Warehouse;
  const topics: VerifiedTopic[] = [];
  const store = {
    list() {
      world.onList();
      return ReadableStream.from([]);
    },
  } as unknown as ObjectStore;
  const verification = createVerification({
    topics,
    store,
    warehouse,
    clock,
    problems,
    ownLogs: true,
    scrubBytesPerSecond: options.bytesPerSecond ?? 100,
    isOurTurn: options.isOurTurn ?? (() => true),
  });
  /** Lets everything happen that happens without time. */
  const settle = async () => {
    for (let i = 0; i < 20; i++) await setImmediate();
  };
  const pass = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  return { world, topics, clock, problems, verification, settle, pass };
}

describe("the scrub", () => {
  it("reads at its pace, tells how far it is, and begins again after an hour", async () => {
    const { world, verification, settle, pass } = openWorld();
    const stop = new AbortController();
    const running = verification.run(stop.signal);
    await settle();
    expect(verification.scrub()).toMatchObject({ finished: null, checked_bytes: 1000 });
    expect(verification.scrub()!.started).toBe(new Date(1e12).toISOString());
    await pass(9999);
    expect(verification.scrub()!.finished).toBe(null);
    await pass(1);
    const finished = new Date(1e12 + 10_000).toISOString();
    expect(verification.scrub()).toEqual(
      { started: null, finished, checked_bytes: 1000, total_bytes: 1000 },
    );
    await pass(HOUR_MS - 10_001);
    expect(world.checks).toBe(1);
    await pass(1);
    expect(world.checks).toBe(2);
    stop.abort();
    await running;
  });

  it("leaves a topic that is opened meanwhile to the next pass", async () => {
    const { world, topics, problems, verification, settle, pass } = openWorld();
    world.damaged = false;
    world.onList = () =>
      topics.push({ topic: "late", log: { partitionCount: () => 0 } } as VerifiedTopic);
    const stop = new AbortController();
    const running = verification.run(stop.signal);
    await settle();
    await pass(10_000);
    expect(topics).not.toEqual([]);
    expect(problems.standing()).toEqual([]);
    expect(verification.scrub()!.finished).not.toBe(null);
    stop.abort();
    await running;
  });

  it("makes damage a problem, which stands until a pass finds the table right", async () => {
    const { world, problems, verification, settle, pass } = openWorld();
    const stop = new AbortController();
    const running = verification.run(stop.signal);
    await settle();
    await pass(10_000);
    expect(problems.standing()).toMatchObject([{
      code: "warehouse_damaged",
      subject: "table t, part all_1_1_0",
      message: expect.stringContaining("Checksum mismatch for file data.bin"),
    }]);
    await pass(HOUR_MS);
    await pass(10_000);
    expect(problems.standing()).toHaveLength(1);
    world.damaged = false;
    await pass(HOUR_MS);
    expect(problems.standing()).toHaveLength(1);
    await pass(10_000);
    expect(problems.standing()).toEqual([]);
    stop.abort();
    await running;
  });

  it("says that it cannot verify, and tries again", async () => {
    const { world, problems, verification, settle, pass } = openWorld();
    world.failing = true;
    const stop = new AbortController();
    const running = verification.run(stop.signal);
    await settle();
    expect(problems.standing()).toMatchObject([{ code: "scrub_failing" }]);
    world.failing = world.damaged = false;
    await pass(60_000);
    await pass(10_000);
    expect(problems.standing()).toEqual([]);
    stop.abort();
    await running;
  });

  it("leaves the work to another process, and is off where its rate is 0", async () => {
    const others = openWorld({ isOurTurn: () => false });
    const stop = new AbortController();
    const running = others.verification.run(stop.signal);
    await others.settle();
    await others.pass(HOUR_MS);
    expect(others.world.checks).toBe(0);
    stop.abort();
    await running;
    const off = openWorld({ bytesPerSecond: 0 });
    await off.verification.run(new AbortController().signal);
    expect(off.verification.scrub()).toBe(null);
  });
});

describe("verify()", () => {
  it("fast compares no bytes, and finds the parts that ClickHouse set aside", async () => {
    const { world, verification } = openWorld();
    world.lost = true;
    const report = await verification.verify({ fast: true });
    expect(world.checks).toBe(0);
    expect(report).toMatchObject({ ok: false, fast: true, tables: 1 });
    expect(report.findings.map(({ object }) => object)).toEqual(
      ["table t, part broken-on-start_all_2_2_0"],
    );
  });
});
