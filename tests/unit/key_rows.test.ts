import { describe, expect, it } from "testing";
import type { Cut } from "../../runtime/model/frontier.ts";
import { type PluginTables, tablesOf } from "../../runtime/sql/tables.ts";
import ratings from "../../plugins/ratings.ts";
import userStats from "../../plugins/user_stats.ts";
import { systemClock } from "../../runtime/std/clock.ts";
import { KeyRows } from "../../runtime/serving/key_rows.ts";
import { readMetricQuery } from "../../runtime/serving/metric_query.ts";
import { mergerOf } from "../../runtime/serving/merged_values.ts";
import type { RecentRows } from "../../runtime/model/recent.ts";
import type { MetricSource } from "../../runtime/serving/metric_source.ts";

/** No rows of any key. */
const nothing: RecentRows = { frontier: {}, states: () => null };

/** A metric whose published run the test sets, and whose batch rows are `run` ratings each. */
class Source {
  constructor(readonly tables: PluginTables) {}
  run = 1;
  /** What holds the next statement for batch rows back. */
  held: Promise<void> | null = null;
  readonly asked: number[][] = [];
  /** What its sets hold. */
  members: number[] = [];
  readonly options = { clock: systemClock };

  asOf = () =>
    Promise.resolve({
      run: { run: this.run, fullRun: 1, skipped: [] },
      cut: { log: [BigInt(this.run)] },
    });
  inputs = ({ run, cut }: { run: unknown; cut: Record<string, bigint[]> }) => ({
    tables: this.tables,
    logId: "log",
    run,
    cut: cut.log,
    frontierRows: 1,
    threads: 1,
  });
  /** What memory has; null where some rows are missing. */
  recent: () => RecentRows | null = () => nothing;
  /** What was waited for. */
  readonly awaited: Cut[] = [];
  flushed = (target: Cut) => Promise.resolve(void this.awaited.push(target));

  inTurn = <T>(_signal: AbortSignal, action: () => Promise<T>) => action();

  ask = async ({ params }: { params: Record<string, unknown> }) => {
    const { keyColumns: [key], measureColumns } = this.tables.plugin;
    const keys = params[`any_${key.name}`] as number[];
    this.asked.push(keys);
    const run = params.run as number;
    await this.held;
    return keys.map((value) =>
      Object.fromEntries([
        [key.name, value],
        ...measureColumns.map(({ name, large }) => [name, large ? this.members : String(run)]),
      ])
    );
  };
}

const signal = new AbortController().signal;
const made = (plugin = ratings) => {
  const source = new Source(tablesOf(plugin, "v1_test"));
  const rows = new KeyRows(source as unknown as MetricSource, mergerOf(plugin)!);
  const [{ name }] = plugin.keyColumns;
  const answer = (key: number) => {
    const query = readMetricQuery(plugin, { keys: { [name]: `${key}` } }, 10);
    return rows.answer(query, [key], signal);
  };
  const count = async (key: number) => (await answer(key))?.rows[0]?.rating_count;
  return { source, answer, count };
};

describe("KeyRows", () => {
  it("leaves a question to the tables only when they hold what memory has told before", async () => {
    const { source, answer } = made();
    source.recent = () => ({ frontier: { log: [9n, 4n] }, states: () => null });
    expect((await answer(7))!.frontier).toEqual({ log: [9n, 4n] });
    expect(source.awaited).toEqual([]);
    // Memory loses a block: the first partition's cut is behind what was told, the second's too.
    source.recent = () => null;
    expect(await answer(7)).toBe(null);
    expect(source.awaited).toEqual([{ log: [9n, 4n] }]);
    // A run covers the first one.
    source.run = 9;
    expect(await answer(7)).toBe(null);
    expect(source.awaited[1]).toEqual({ log: [0n, 4n] });
  });

  it("a block that leaves memory while batch rows are read leaves the question to the tables", async () => {
    const { source, answer } = made();
    const found: (RecentRows | null)[] = [nothing, null];
    source.recent = () => found.shift()!;
    expect(await answer(7)).toBe(null);
    expect(source.asked.length).toBe(1);
  });

  it("reads a key's batch rows once per run, and none where speed rows are missing", async () => {
    const { source, count } = made();
    source.recent = () => null;
    expect(await count(7)).toBe(undefined);
    expect(source.asked).toEqual([]);
    source.recent = () => nothing;
    // Those who ask at once are answered by one statement, and with a key its neighbours are read.
    expect(await Promise.all([7, 7, 8].map(count))).toEqual([1, 1, 1]);
    expect(await count(63)).toBe(1);
    expect(source.asked.length).toBe(1);
    expect(source.asked[0]).toEqual(Array.from({ length: 64 }, (_, key) => key));
    source.run = 2;
    expect(await count(7)).toBe(2);
    expect(await count(2 ** 32 - 1)).toBe(2);
    expect(source.asked[2].at(-1)).toBe(2 ** 32 - 1);
  });

  it("a run that is published meanwhile takes nothing from who reads the one before", async () => {
    const { source, count } = made();
    const held = Promise.withResolvers<void>();
    source.held = held.promise;
    const before = count(7);
    await Promise.resolve();
    source.run = 2;
    source.held = null;
    expect(await count(7)).toBe(2);
    held.resolve();
    expect(await before).toBe(1);
    expect(await count(7)).toBe(2);
  });

  it("adds what is in memory to the batch rows", async () => {
    const { source, answer } = made();
    const frontier = { log: [9n] };
    source.recent = () => ({ frontier, states: () => [4n, 450n] });
    const found = await answer(7);
    expect(found?.frontier).toEqual(frontier);
    // 4.50 in memory, 1.00 in the batch.
    expect(found?.rows).toEqual([{
      movie_id: 7,
      rating_count: 5,
      avg_rating: 1.1,
      rating_sum: 5.5,
    }]);
  });

  it("keeps no more than so many values, and answers whatever has gone", async () => {
    const { source, answer } = made(userStats);
    source.members = Array.from({ length: 10_000 }, (_, i) => i);
    // 640,000 values each.
    for (const key of [0, 1, 64]) expect((await answer(key))!.rows.length).toBe(1);
    expect(source.asked.length).toBe(2);
    expect((await answer(0))!.rows.length).toBe(1);
    expect(source.asked.length).toBe(3);
  });
});
