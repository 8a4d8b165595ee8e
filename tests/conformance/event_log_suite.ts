import { describe, expect, it } from "testing";
import { LogGapError } from "../../runtime/std/errors.ts";
import { partitionOf } from "../../runtime/log/partitioner.ts";
import { type EventLog, RecordKind } from "../../runtime/ports/ports.ts";
import { plain, readAll, readValues, records } from "../support/log_reading.ts";

/** How the suite makes a log of one adapter. */
export interface EventLogFixture {
  readonly partitions: number;
  /** What the log takes for the time from now on, where the test may decide it. */
  setNow?(nowMs: number): void;
  open(): Promise<EventLog> | EventLog;
  /** Called after the log was closed. */
  dispose?(): Promise<void> | void;
}

const never = new AbortController().signal;

/** What every adapter of `EventLog` has to do. `make` gives each test a log of its own. */
export function eventLogSuite(name: string, make: (partitions: number) => EventLogFixture): void {
  async function withLog(
    partitions: number,
    test: (log: EventLog, fixture: EventLogFixture) => Promise<void>,
  ): Promise<void> {
    const fixture = make(partitions);
    const log = await fixture.open();
    try {
      await test(log, fixture);
    } finally {
      await log.close();
      await fixture.dispose?.();
    }
  }

  describe(`EventLog: ${name}`, () => {
    it("an id is of [0-9a-z-] and the topic is told", () =>
      withLog(1, (log) => {
        expect(log.id).toMatch(/^[0-9a-z-]+$/);
        expect(log.topic.length).toBeGreaterThan(0);
        expect(log.partitionCount()).toBe(1);
        return Promise.resolve();
      }));

    it("a new partition is empty and read() returns an empty chunk at its end", () =>
      withLog(2, async (log) => {
        expect(await log.bounds(1)).toEqual({ start: 0n, end: 0n });
        const chunk = await log.read(1, 0n);
        expect([chunk.partition, chunk.from, chunk.to, chunk.count]).toEqual([1, 0n, 0n, 0]);
        expect(chunk.valueStart.length).toBe(0);
      }));

    it("append() keeps the order within a partition and puts a key where Kafka does", () =>
      withLog(3, async (log) => {
        const pairs = Array.from({ length: 50 }, (_, i) => [`key-${i % 7}`, `value-${i}`] as const);
        await log.append(records(...pairs));
        for (let p = 0; p < 3; p++) {
          const mine = pairs.filter(([key]) => {
            const bytes = new TextEncoder().encode(key);
            return partitionOf(bytes, 0, bytes.length, 3) === p;
          });
          expect(await readValues(log, p)).toEqual(mine.map(([, value]) => value));
        }
      }));

    it("append() returns the offset behind its records, 0 where it put none", () =>
      withLog(4, async (log) => {
        const [first, second] = await Promise.all([
          log.append(records(["a", "1"], ["a", "2"])),
          log.append(records(["a", "3"])),
        ]);
        const p = first.findIndex((next) => next !== 0n);
        expect(first.filter((next) => next !== 0n)).toEqual([2n]);
        expect(first.length).toBe(4);
        expect(second[p]).toBe(3n);
        expect(await readValues(log, p)).toEqual(["1", "2", "3"]);
        expect(await log.append(records())).toEqual([0n, 0n, 0n, 0n]);
      }));

    it("append() takes empty keys, empty values and any bytes", () =>
      withLog(1, async (log) => {
        await log.append(records(["", ""], ["k", "\u0000\n'\\"], ["", "é€😀"]));
        expect(await readValues(log, 0)).toEqual(["", "\u0000\n'\\", "é€😀"]);
      }));

    it("a tick is a record of its kind with an empty value, in order with the others", () =>
      withLog(2, async (log) => {
        const appended = log.append(records(["a", "1"]));
        const p = (await appended).findIndex((next) => next !== 0n);
        const [, next] = await Promise.all([
          log.append(records(["a", "2"])),
          log.appendTick(p),
          log.append(records(["a", "3"])),
        ]);
        expect(next).toBe(3n);
        const all = await readAll(log, p);
        expect(all.map((r) => r.value)).toEqual(["1", "2", "", "3"]);
        expect(all.map((r) => r.kind)).toEqual([0, 0, RecordKind.tick, 0]);
        expect((await log.bounds(1 - p)).end).toBe(0n);
      }));

    it("read() starts anywhere and is bounded by maxRecords", () =>
      withLog(1, async (log) => {
        const values = Array.from({ length: 40 }, (_, i) => `v${i}`);
        for (let i = 0; i < 40; i += 10) {
          await log.append(records(...values.slice(i, i + 10).map((v) => ["k", v] as const)));
        }
        for (const [from, maxRecords] of [[0, 1], [5, 3], [9, 2], [7, 25], [39, 9], [0, 100]]) {
          const chunk = await log.read(0, BigInt(from), { maxRecords });
          expect(chunk.from).toBe(BigInt(from));
          expect(chunk.count).toBeGreaterThan(0);
          expect(chunk.count).toBeLessThanOrEqual(maxRecords);
          const wanted = values.slice(from, from + chunk.count);
          expect(plain(chunk).map((r) => r.value)).toEqual(wanted);
          expect(chunk.to).toBe(BigInt(from + chunk.count));
        }
      }));

    it("read() is bounded by maxBytes but returns at least one record", () =>
      withLog(1, async (log) => {
        await log.append(records(["k", "x".repeat(100)], ["k", "y".repeat(60)], ["k", "z"]));
        await log.append(records(["k", "w".repeat(60)]));
        expect((await log.read(0, 0n, { maxBytes: 10 })).count).toBe(1);
        expect((await log.read(0, 0n, { maxBytes: 160 })).count).toBe(2);
        expect((await log.read(0, 1n, { maxBytes: 60 })).count).toBe(1);
        expect((await log.read(0, 1n, { maxBytes: 61 })).count).toBe(2);
        const sizes = (await readAll(log, 0, 0n, { maxBytes: 61 })).map((r) => r.value.length);
        expect(sizes).toEqual([100, 60, 1, 60]);
      }));

    it("a chunk handed out is not changed by later appends", () =>
      withLog(1, async (log) => {
        const source = records(["k", "before"]);
        await log.append(source);
        const chunk = await log.read(0, 0n);
        source.bytes.fill(0);
        await log.append(records(["k", "after!"]));
        expect(plain(chunk).map((r) => r.value)).toEqual(["before"]);
        expect(await readValues(log, 0)).toEqual(["before", "after!"]);
      }));

    it("read() beyond the end or in an unknown partition fails and says where", () =>
      withLog(1, async (log) => {
        await log.append(records(["k", "1"]));
        const error = await log.read(0, 2n).then(() => null, (reason) => reason);
        expect(error).toBeInstanceOf(LogGapError);
        expect([error.topic, error.partition, error.offset]).toEqual([log.topic, 0, 2n]);
        expect(error.retriable).toBe(false);
        await expect(log.read(1, 0n)).rejects.toThrow(RangeError);
        await expect(log.read(0, 0n, { maxRecords: 0 })).rejects.toThrow(RangeError);
      }));

    it("trim() never forgets what it was not asked to, and read() below the start fails", () =>
      withLog(1, async (log) => {
        for (let i = 0; i < 10; i++) await log.append(records(["k", `a${i}`], ["k", `b${i}`]));
        await log.trim(0, 9n);
        const { start, end } = await log.bounds(0);
        expect(start).toBeLessThanOrEqual(9n);
        expect(end).toBe(20n);
        expect((await readAll(log, 0, 9n)).length).toBe(11);
        await log.trim(0, 3n);
        expect((await log.bounds(0)).start).toBe(start);
        await log.trim(0, 20n);
        const after = await log.bounds(0);
        expect(after.end).toBe(20n);
        if (after.start > 0n) {
          const error = await log.read(0, 0n).then(() => null, (reason) => reason);
          expect(error).toBeInstanceOf(LogGapError);
          expect(error.offset).toBe(0n);
        }
        expect(await log.append(records(["k", "next"]))).toEqual([21n]);
        expect((await readAll(log, 0, 20n)).map((r) => r.value)).toEqual(["next"]);
      }));

    it("changed() resolves at once when there is more, on append, on a tick and on abort", () =>
      withLog(1, async (log) => {
        const waiting = log.changed(0, 0n, never);
        const beyond = new AbortController();
        let woken = false;
        const later = log.changed(0, 1n, beyond.signal).then(() => woken = true);
        await log.append(records(["k", "1"]));
        await waiting;
        await log.changed(0, 0n, never);
        expect(woken).toBe(false);
        await log.appendTick(0);
        await later;
        const abort = new AbortController();
        const stopped = log.changed(0, 2n, abort.signal);
        abort.abort();
        await stopped;
        await log.changed(0, 2n, AbortSignal.abort());
      }));

    it("append time never goes backwards within a partition", () =>
      withLog(1, async (log, fixture) => {
        for (const nowMs of [1000, 2000, 500, 2500]) {
          fixture.setNow?.(nowMs);
          await log.append(records(["k", String(nowMs)]));
        }
        const times = (await readAll(log, 0)).map((r) => r.appendMs);
        expect(times).toEqual([...times].sort((a, b) => a - b));
        if (fixture.setNow) expect(times).toEqual([1000, 2000, 2000, 2500]);
      }));

    it("many appends at once are all there, each once", () =>
      withLog(3, async (log) => {
        await Promise.all(
          Array.from({ length: 200 }, (_, i) => log.append(records([`k${i}`, `v${i}`]))),
        );
        const all = (await Promise.all([0, 1, 2].map((p) => readValues(log, p)))).flat();
        expect(all.sort()).toEqual(Array.from({ length: 200 }, (_, i) => `v${i}`).sort());
      }));
  });
}
