import { describe, expect, it } from "testing";
import type { Cut } from "../../runtime/model/frontier.ts";
import { tablesOf } from "../../runtime/sql/tables.ts";
import ratings from "../../plugins/ratings.ts";
import { KeyRows } from "../../runtime/serving/key_rows.ts";
import { mergerOf } from "../../runtime/serving/merged_values.ts";
import type { RecentRows } from "../../runtime/model/recent.ts";
import type { MetricSource } from "../../runtime/serving/metric_source.ts";

/** A metric whose published run the test sets, and whose batch rows are `run` ratings each. */
class Source {
  readonly tables = tablesOf(ratings, "v1_test");
  run = 1;
  /** What holds the next statement for batch rows back. */
  held: Promise<void> | null = null;
  readonly asked: number[][] = [];

  asOf = () =>
    Promise.resolve({
      run: { run: this.run, fullRun: 1, skipped: [] },
      cut: { log: [BigInt(this.run)] },
    });
  inputs = ({ run, cut }: { run: unknown; cut: Record<string, bigint[]> }) => ({
    ...{ tables: this.tables, logId: "log", run, cut: cut.log, frontierRows: 1, threads: 1 },
  });
  frontier = () => ({});
  /** What memory has of every key; null where it has not all. */
  recent: () => RecentRows | null = () => null;
  frontierOf = (): Cut => ({});
  /** What was waited for. */
  readonly awaited: Cut[] = [];
  flushed = (target: Cut) => Promise.resolve(void this.awaited.push(target));

  ask = async ({ sql, params }: { sql: string; params: Record<string, unknown> }) => {
    if (!sql.includes("state_batch")) return [];
    const keys = params.any_movie_id as number[];
    this.asked.push(keys);
    const run = params.run as number;
    await this.held;
    return keys.map((movie_id) => ({
      ...{ movie_id, rating_count: String(run), rating_sum: String(run) },
    }));
  };
}

const shape = { layer: "merged", from: null, to: null } as const;
const signal = new AbortController().signal;
const made = () => {
  const source = new Source();
  const rows = new KeyRows(source as unknown as MetricSource, mergerOf(ratings)!);
  const count = async (...keys: number[]) => {
    const find = await rows.load(shape, keys.map((key) => [key]), signal);
    return keys.map((key) => find([key]).rows[0]?.rating_count);
  };
  return { source, rows, count };
};

describe("KeyRows", () => {
  it("asks the tables only when they hold what memory has told before", async () => {
    const { source, rows, count } = made();
    await count(7);
    expect(source.awaited).toEqual([{}]);
    source.recent = () => ({ frontier: { log: [9n, 4n] }, states: () => null });
    expect((await rows.atHand(shape, [7], signal))!.frontier).toEqual({ log: [9n, 4n] });
    // Memory loses a block: the first partition's cut is behind what was told, the second's too.
    source.recent = () => null;
    source.awaited.length = 0;
    await count(7);
    expect(source.awaited).toEqual([{ log: [9n, 4n] }]);
    // What a statement told, too, is not taken back.
    source.frontierOf = () => ({ log: [9n, 5n] });
    await count(7);
    await count(7);
    expect(source.awaited.at(-1)).toEqual({ log: [9n, 5n] });
    source.awaited.length = 1;
    // A run covers the first one.
    source.run = 9;
    await count(7);
    expect(source.awaited[1]).toEqual({ log: [0n, 5n] });
  });

  it("reads a key's batch rows once per run, with those of its neighbours", async () => {
    const { source, count } = made();
    expect(await count(7)).toEqual([1]);
    expect(await count(7, 8)).toEqual([1, 1]);
    expect(source.asked[0]).toEqual([7]);
    // As many as have few values: then the next ones are there already.
    expect(source.asked[1]).toContain(9);
    expect(await count(9)).toEqual([1]);
    expect(source.asked.length).toBe(2);
    source.run = 2;
    expect(await count(7)).toEqual([2]);
  });

  it("a run that is published meanwhile takes nothing from who reads the one before", async () => {
    const { source, count } = made();
    expect(await count(7)).toEqual([1]);
    const held = Promise.withResolvers<void>();
    source.held = held.promise;
    // 7 is kept, the other is being read.
    const before = count(7, 4_000_000_000);
    source.run = 2;
    source.held = null;
    expect(await count(4_000_000_000)).toEqual([2]);
    held.resolve();
    expect(await before).toEqual([1, 1]);
    expect(await count(7, 4_000_000_000)).toEqual([2, 2]);
  });

  it("asks for nothing where batch rows are kept and the speed rows are in memory", async () => {
    const { source, rows, count } = made();
    const atHand = async () => (await rows.atHand(shape, [7], signal))?.rows[0]?.rating_count;
    expect(await atHand()).toBe(undefined);
    await count(7);
    expect(await atHand()).toBe(undefined);
    const frontier = { log: [9n] };
    const states = [4n, 450n];
    source.recent = () => ({ frontier, states: () => states });
    expect(await atHand()).toBe(5);
    const answer = await rows.atHand(shape, [7], signal);
    expect(answer?.frontier).toEqual(frontier);
    // 4.50 in memory, 1.00 in the batch.
    expect(answer?.rows).toEqual([{
      movie_id: 7,
      rating_count: 5,
      avg_rating: 1.1,
      rating_sum: 5.5,
    }]);
    source.recent = () => ({ frontier, states: () => null });
    expect(await atHand()).toBe(1);
    source.run = 2;
    expect(await atHand()).toBe(undefined);
    expect(source.asked.length).toBe(1);
  });

  it("keeps no more than so many values, and answers whatever has gone", async () => {
    const { source, count } = made();
    for (let first = 0; first < 600_000; first += 3000) await count(first);
    const before = source.asked.length;
    expect(await count(0)).toEqual([1]);
    expect(source.asked.length).toBe(before + 1);
  });
});
