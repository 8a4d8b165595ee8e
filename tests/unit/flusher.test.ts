import { setImmediate } from "node:timers/promises";
import { describe, expect, it, vi } from "testing";
import popularMovies from "../../plugins/popular_movies.ts";
import { flusherWorld, INTERVAL_MS, load, plugins } from "../support/flusher_world.ts";

describe("the pace of flushes", () => {
  it("is once per interval under load, the first at once", async () => {
    const world = flusherWorld();
    await load(world, 3000);
    expect(world.times()).toEqual([0, 500, 1000, 1500, 2000, 2500]);
    await world.flusher.flushAll(world.pipeline);
    expect(world.acknowledged()).toEqual([150n, 150n]);
  });

  it("is every fourth interval while old records are read, and at once when that is over", async () => {
    const world = flusherWorld();
    await load(world, 5000, 8 * INTERVAL_MS + 1);
    expect(world.times()).toEqual([0, 2000, 4000]);
    await world.flusher.flushIfDue(world.pipeline, true);
    expect(world.times()).toEqual([0, 2000, 4000, 5000]);
  });

  it("is told as the time until the next flush, and as null when all is written", async () => {
    const { flusher, pipeline, clock, read } = flusherWorld();
    expect(await flusher.flushIfDue(pipeline)).toBe(null);
    await read();
    await flusher.flushIfDue(pipeline);
    await setImmediate();
    expect(await flusher.flushIfDue(pipeline)).toBe(null);
    await read();
    clock.advance(120);
    expect(await flusher.flushIfDue(pipeline)).toBe(380);
  });

  it("waits for an insert that is slower than the interval, then writes all that came", async () => {
    const world = flusherWorld();
    const slow = Promise.withResolvers<void>();
    world.insert.mockImplementation(() => slow.promise);
    await load(world, 2000);
    expect(world.times()).toEqual([0]);
    slow.resolve();
    await setImmediate();
    await world.flusher.flushIfDue(world.pipeline);
    await setImmediate();
    expect(world.times()).toEqual([0, 2000]);
    expect(world.acknowledged()).toEqual([100n, 100n]);
  });

  it("slows down to 5 s while the warehouse refuses, and is the interval again after", async () => {
    const world = flusherWorld();
    world.insert.mockImplementation(() => Promise.reject(new Error("disk full")));
    await load(world, 17_400);
    expect(world.times()).toEqual([0, 1000, 3000, 7000, 12_000, 17_000]);
    expect(world.flusher.faults().map(({ what, error }) => `${what}: ${(error as Error).message}`))
      .toEqual(
        ["popular_movies", "user_stats"].map((name) => `plugin ${name}, partition 0: disk full`),
      );
    world.insert.mockImplementation(() => Promise.resolve());
    await load(world, 5200);
    expect(world.times().slice(6)).toEqual([22_000, 22_500]);
    expect(world.flusher.faults()).toEqual([]);
    world.insert.mockImplementation(() => Promise.reject(new Error("disk full")));
    await load(world, 2600);
    expect(world.times().slice(8)).toEqual([23_000, 24_000]);
    world.insert.mockImplementation(() => Promise.resolve());
    await world.flusher.flushAll(world.pipeline);
    expect(world.acknowledged()).toEqual([1260n, 1260n]);
  });
});

describe("a flush for readers", () => {
  const idle = () => flusherWorld({ withLedger: true, idleFlushIntervalMs: 10_000 });
  /** Whether a promise has settled by now. */
  async function isOver(promise: Promise<void>): Promise<boolean> {
    let over = false;
    void promise.then(() => over = true);
    await setImmediate();
    return over;
  }

  it("does not happen while nobody reads: then the idle interval passes between two", async () => {
    const world = idle();
    await load(world, 60_000);
    expect(world.times()).toEqual([0, 10_000, 20_000, 30_000, 40_000, 50_000]);
  });

  it("is as frequent as the interval, however many read all the time", async () => {
    const world = idle();
    for (let ms = 0; ms < 3000; ms += 20) {
      await load(world, 20);
      await Promise.all(Array.from({ length: 10 }, () => world.flusher.fresh()));
    }
    expect(world.times()).toEqual([0, 500, 1000, 1500, 2000, 2500, 3000]);
  });

  it("is one for all who read at the same time, of all partitions, and they wait for it", async () => {
    const world = idle();
    await world.read(undefined, 0, world.other);
    await world.flusher.flushIfDue(world.other, false);
    await load(world, 2000);
    await world.read(undefined, 0, world.other);
    world.writes.length = 0;
    const slow = Promise.withResolvers<void>();
    world.insert.mockImplementation(() => slow.promise);
    const readers = Array.from({ length: 20 }, () => world.flusher.fresh());
    expect(await isOver(Promise.race(readers))).toBe(false);
    slow.resolve();
    await Promise.all(readers);
    expect(world.writes.length).toBe(plugins.length + 1);
    expect(world.acknowledged()).toEqual([100n, 100n]);
    expect(world.other.plugins[0].acknowledged).toBe(2n);
  });

  it("keeps nobody waiting who finds the tables nearly up to date", async () => {
    const world = idle();
    await load(world, 600);
    world.insert.mockImplementation(() => new Promise(() => {}));
    expect(await isOver(world.flusher.fresh())).toBe(true);
    expect(world.times()).toEqual([0, 600]);
    await load(world, 200);
    expect(await isOver(world.flusher.fresh())).toBe(false);
  });

  it("keeps nobody waiting for longer than a second", async () => {
    const world = idle();
    await load(world, 2000);
    world.insert.mockImplementation(() => new Promise(() => {}));
    const reader = world.flusher.fresh();
    world.clock.advance(980);
    expect(await isOver(reader)).toBe(false);
    world.clock.advance(20);
    expect(await isOver(reader)).toBe(true);
  });

  it("keeps to the back-off of a warehouse that refuses, and nobody waits for that", async () => {
    const world = idle();
    await load(world, 2000);
    world.insert.mockImplementation(() => Promise.reject(new Error("disk full")));
    for (let ms = 0; ms < 8000; ms += 20) {
      await load(world, 20);
      expect(await isOver(world.flusher.fresh())).toBe(true);
    }
    expect(world.times()).toEqual([0, 2020, 3020, 5020, 9020]);
  });

  it("does not happen where nothing was read, nor in a pipeline that catches up", async () => {
    const world = idle();
    await world.flusher.fresh();
    expect(world.times()).toEqual([]);
    await load(world, 1000, 8 * INTERVAL_MS + 1);
    await world.flusher.fresh();
    expect(world.times()).toEqual([0]);
  });
});

describe("a flush of partitions together", () => {
  /** Two partitions that have been flushed once and have read one more record each. */
  async function both(ageMs = 0) {
    const world = flusherWorld();
    const { flusher, pipeline, other, read } = world;
    for (const each of [pipeline, other]) {
      await read(undefined, ageMs, each);
      await flusher.flushIfDue(each, false);
      await setImmediate();
    }
    for (const each of [pipeline, other]) await read(undefined, ageMs, each);
    world.writes.length = 0;
    world.insert.mockClear();
    return { ...world, frontiers: () => [pipeline, other].map((p) => p.plugins[0].acknowledged) };
  }

  it("is one insert per plugin, with the rows and the frontier of each", async () => {
    const { flusher, pipeline, other, clock, insert, writes, frontiers } = await both();
    clock.advance(INTERVAL_MS);
    await flusher.flushIfDue(pipeline);
    await setImmediate();
    expect(writes.length).toBe(plugins.length);
    expect(frontiers()).toEqual([2n, 2n]);
    // A row and a frontier row of each partition.
    const { kind, partition } = { kind: 0, partition: 1 };
    const rows = insert.mock.calls[0][1];
    const bytesOfOne = rows.length / 4;
    expect([0, 1, 2, 3].map((row) => [
      rows[row * bytesOfOne + kind],
      rows[row * bytesOfOne + partition],
    ])).toEqual([[0, 0], [1, 0], [0, 1], [1, 1]]);
    expect(await flusher.flushIfDue(other)).toBe(null);
  });

  it("is tried again for all of them when it is refused", async () => {
    const { flusher, pipeline, clock, insert, frontiers } = await both();
    insert.mockImplementation(() => Promise.reject(new Error("no")));
    clock.advance(INTERVAL_MS);
    await flusher.flushIfDue(pipeline);
    await setImmediate();
    expect(frontiers()).toEqual([1n, 1n]);
    expect(flusher.faults().length).toBe(2 * plugins.length);
    insert.mockImplementation(() => Promise.resolve());
    clock.advance(2 * INTERVAL_MS);
    await flusher.flushIfDue(pipeline);
    await setImmediate();
    // The other one keeps to its own pace after a fault.
    expect(frontiers()).toEqual([2n, 1n]);
    expect(flusher.faults().length).toBe(plugins.length);
  });

  it("leaves out who catches up, and who has left", async () => {
    const catching = await both(8 * INTERVAL_MS + 1);
    catching.clock.advance(8 * INTERVAL_MS);
    await catching.flusher.flushIfDue(catching.pipeline, false);
    await setImmediate();
    expect(catching.frontiers()).toEqual([2n, 1n]);
    const left = await both();
    left.flusher.leave(left.other);
    left.clock.advance(INTERVAL_MS);
    await left.flusher.flushIfDue(left.pipeline);
    await setImmediate();
    expect(left.frontiers()).toEqual([2n, 1n]);
  });
});

describe("a flush", () => {
  it("that one plugin's table refuses writes the others, and all are tried again later", async () => {
    const world = flusherWorld();
    world.insert.mockImplementation((into) =>
      into.includes(popularMovies.name) ? Promise.reject(new Error("no")) : Promise.resolve()
    );
    await load(world, 1020);
    expect(world.times()).toEqual([0, 1000]);
    expect(world.acknowledged()).toEqual([0n, 51n]);
  });

  it("writes dead letters before the ledger's row that covers them", async () => {
    const world = flusherWorld({ withLedger: true });
    const refusing = vi.fn((into: string) =>
      into.startsWith("dead_letters") ? Promise.reject(new Error("no")) : Promise.resolve()
    );
    world.insert.mockImplementation(refusing);
    const ofLedger = () =>
      world.writes.map(({ table }) => table).filter((t) => /lett|ledg/.test(t));
    await world.read("no event");
    await world.flusher.flushAll(world.pipeline);
    expect(ofLedger()).toEqual(["dead_letters"]);
    expect(world.pipeline.ledger!.acknowledged).toBe(0n);
    world.insert.mockImplementation(() => Promise.resolve());
    await world.flusher.flushAll(world.pipeline);
    expect(ofLedger().slice(1)).toEqual(["dead_letters", expect.stringMatching(/^state_ledger_/)]);
    expect(world.pipeline.ledger!.acknowledged).toBe(1n);
  });

  it("does not wait for the interval when much has piled up", async () => {
    const world = flusherWorld({ withLedger: true });
    await load(world, 20);
    for (let i = 0; i < 5; i++) await world.read("x".repeat(1_000_000));
    await world.flusher.flushIfDue(world.pipeline, false);
    expect(world.times()).toEqual([0, 20]);
  });

  it("lets nothing more be read when much has piled up and the warehouse refuses", async () => {
    const world = flusherWorld({ withLedger: true });
    world.insert.mockImplementation(() => Promise.reject(new Error("no")));
    await load(world, 20);
    for (let i = 0; i < 5; i++) await world.read("x".repeat(1_000_000));
    const seen = vi.fn();
    const mayRead = world.flusher.flushIfDue(world.pipeline, false).then(seen);
    world.clock.advance(960);
    await setImmediate();
    expect(seen).not.toHaveBeenCalled();
    world.clock.advance(20);
    await mayRead;
    expect(world.times()).toEqual([0]);
    await world.flusher.flushIfDue(world.pipeline, false);
    expect(world.times()).toEqual([0, 1000]);
  });

  it("of all that is left follows the one under way, whatever the interval", async () => {
    const world = flusherWorld();
    const slow = Promise.withResolvers<void>();
    world.insert.mockImplementationOnce(() => slow.promise);
    await load(world, 40);
    const all = world.flusher.flushAll(world.pipeline);
    await setImmediate();
    expect(world.times()).toEqual([0]);
    slow.resolve();
    await all;
    expect(world.times()).toEqual([0, 40]);
    expect(world.acknowledged()).toEqual([2n, 2n]);
  });
});
