import { join } from "node:path";
import { describe, expect, fc, it } from "testing";
import { AppendBuffer } from "../../runtime/log/append_buffer.ts";
import { partitionOf } from "../../runtime/log/partitioner.ts";
import { openSqliteLog } from "../../runtime/log/sqlite_log.ts";
import { LogGapError } from "../../runtime/std/errors.ts";
import { type EventLog, RecordKind } from "../../runtime/ports/ports.ts";
import { plain } from "../support/log_reading.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { byTier } from "../support/tier.ts";

/** What the log should hold: an array per partition, and how much of it may be forgotten. */
interface Model {
  readonly records: { value: string; kind: number }[][];
  readonly trimmedBelow: number[];
}

type Step = (log: EventLog, model: Model) => Promise<void>;

const PARTITIONS = 3;
const encoder = new TextEncoder();

function modelAppend(model: Model, pairs: [string, string][]): number[] {
  const ends = new Array<number>(PARTITIONS).fill(0);
  for (const [key, value] of pairs) {
    const bytes = encoder.encode(key);
    const p = partitionOf(bytes, 0, bytes.length, PARTITIONS);
    ends[p] = model.records[p].push({ value, kind: RecordKind.event });
  }
  return ends;
}

const partition = fc.nat({ max: PARTITIONS - 1 });
const pair = fc.tuple(fc.string({ maxLength: 3 }), fc.string({ maxLength: 12 }));
const pairs = fc.array(pair, { maxLength: 12 });

/** Several appends and ticks in one turn: they share a commit and keep their order. */
const append: fc.Arbitrary<Step> = fc.array(fc.oneof(pairs, partition), { maxLength: 4 }).map(
  (calls) => async (log, model) => {
    const results = await Promise.all(calls.map(async (call) => {
      if (typeof call === "number") {
        const next = model.records[call].push({ value: "", kind: RecordKind.tick });
        return [await log.appendTick(call), BigInt(next)];
      }
      const buffer = new AppendBuffer();
      for (const [key, value] of call) buffer.add(key, encoder.encode(value));
      const ends = modelAppend(model, call);
      return [await log.append(buffer.take()), ends.map(BigInt)];
    }));
    for (const [got, wanted] of results) expect(got).toEqual(wanted);
  },
);

const read: fc.Arbitrary<Step> = fc.record({
  partition,
  from: fc.nat({ max: 60 }),
  maxRecords: fc.integer({ min: 1, max: 20 }),
  maxBytes: fc.integer({ min: 1, max: 100 }),
}).map(({ partition, from, maxRecords, maxBytes }) => async (log, model) => {
  const held = model.records[partition];
  const { start, end } = await log.bounds(partition);
  expect(end).toBe(BigInt(held.length));
  expect(Number(start)).toBeLessThanOrEqual(model.trimmedBelow[partition]);
  const reading = log.read(partition, BigInt(from), { maxRecords, maxBytes });
  if (BigInt(from) < start || BigInt(from) > end) {
    await expect(reading).rejects.toThrow(LogGapError);
    return;
  }
  const got = plain(await reading);
  expect((await reading).to).toBe(BigInt(from + got.length));
  expect(got.map((r) => r.offset)).toEqual(got.map((_, i) => BigInt(from + i)));
  expect(got.map(({ value, kind }) => ({ value, kind })))
    .toEqual(held.slice(from, from + got.length));
  expect(got.length).toBeLessThanOrEqual(maxRecords);
  if (from < held.length) expect(got.length).toBeGreaterThan(0);
  const sizeBytes = got.reduce((sum, { value }) => sum + encoder.encode(value).length, 0);
  expect(got.length === 1 || sizeBytes <= maxBytes).toBe(true);
});

const trim: fc.Arbitrary<Step> = fc.tuple(partition, fc.nat({ max: 60 })).map(
  ([partition, below]) => async (log, model) => {
    await log.trim(partition, BigInt(below));
    const most = Math.min(below, model.records[partition].length);
    model.trimmedBelow[partition] = Math.max(model.trimmedBelow[partition], most);
  },
);

const steps = fc.array(
  fc.oneof({ weight: 4, arbitrary: append }, { weight: 4, arbitrary: read }, {
    weight: 1,
    arbitrary: trim,
  }),
  { maxLength: 25 },
);

function newModel(): Model {
  return {
    records: Array.from({ length: PARTITIONS }, () => []),
    trimmedBelow: new Array<number>(PARTITIONS).fill(0),
  };
}

describe("laws of the event log", () => {
  it("a SQLite log is an array per partition, also when it is opened again at any step", async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.nat({ max: 25 }), async (steps, reopenAt) => {
        const folder = await Deno.makeTempDir();
        const open = () =>
          openSqliteLog({
            path: join(folder, "log.db"),
            topic: "t",
            partitions: PARTITIONS,
            clock: { now: () => 1 },
          });
        let log = open();
        try {
          const model = newModel();
          for (const [i, step] of steps.entries()) {
            if (i === reopenAt) {
              await log.close();
              log = open();
            }
            await step(log, model);
          }
        } finally {
          await log.close();
          await Deno.remove(folder, { recursive: true });
        }
      }),
      { numRuns: byTier({ quick: 10, full: 60, long: 600 }), seed: 3 },
    );
  });

  it("a memory log is an array per partition", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (steps) => {
        const log = new MemoryLog({ partitions: PARTITIONS });
        const model = newModel();
        for (const step of steps) await step(log, model);
      }),
      { numRuns: byTier({ quick: 15, full: 100, long: 1000 }), seed: 3 },
    );
  });
});
