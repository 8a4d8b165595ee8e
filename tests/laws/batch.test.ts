import { afterAll, beforeAll, describe, expect, fc, it } from "testing";
import { encodeFrontier, reaches } from "../../runtime/model/frontier.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { type ArchivedEvent, day } from "../support/batch_events.ts";
import {
  batchPlugin,
  BatchWorld,
  openWarehouse,
  type Readable,
  readPointer,
  readPublished,
  readRun,
  removalsDone,
  totalsPlugin,
  totalsSql,
  usersPlugin,
  usersSql,
} from "../support/batch_world.ts";
import { byTier } from "../support/tier.ts";

const HORIZON = 3;
/** Runs that readers see. */
const RUNS = byTier({ quick: 5, full: 12, long: 12 });
/** Two runs at once, so often. */
const PAIRS = byTier({ quick: 5, full: 10, long: 10 });

interface Block {
  readonly log: string;
  readonly partition: number;
  readonly events: readonly ArchivedEvent[];
  /** Whether the batch runs once the block is archived. */
  readonly run: boolean;
}

/** Few ids, times and keys: repeats with other values, late days and vanishing keys come up often. */
const block: fc.Arbitrary<Block> = fc.record({
  log: fc.constantFrom("local-1", "local-2"),
  partition: fc.nat(2),
  run: fc.boolean(),
  events: fc.array(
    fc.record({
      id: fc.constantFrom("a", "b", "c", "d"),
      ms: fc.constantFrom(0, 1, 26, 50).map((hour) => day(0, hour)),
      user: fc.nat(3),
      movie: fc.nat(2),
      duration: fc.option(fc.nat(4000).map((n) => n / 1000)),
    }),
    { maxLength: 6 },
  ),
});

/** The events that count, and how many repeats the speed layer cannot see: in plain TypeScript. */
function model(blocks: readonly Block[]): { counted: ArchivedEvent[]; unseen: number } {
  const ends = new Map<string, number>();
  const rows = blocks.flatMap(({ log, partition, events }) => {
    const where = `${log}/${partition}`;
    const start = ends.get(where) ?? 0;
    ends.set(where, start + Math.max(1, events.length));
    return events.map((event, i) => ({ where, offset: start + i, event }));
  }).sort((a, b) => a.where < b.where ? -1 : a.where > b.where ? 1 : a.offset - b.offset);
  const last = new Map<string, number>();
  const counted = new Map<string, ArchivedEvent>();
  let unseen = 0;
  for (const { where, offset, event } of rows) {
    const identity = `${event.id} ${event.ms}`;
    const previous = last.get(`${where} ${identity}`) ?? -Infinity;
    last.set(`${where} ${identity}`, offset);
    if (!counted.has(identity)) counted.set(identity, event);
    else if (previous < offset - HORIZON) unseen++;
  }
  return { counted: [...counted.values()], unseen };
}

/** All-time answers of the model. */
function answers(counted: readonly ArchivedEvent[]): unknown[] {
  const byUser = [...Map.groupBy(counted, (event) => event.user)].sort(([a], [b]) => a - b);
  return byUser.map(([user, events]) => {
    const durations = events.flatMap((event) => event.duration === null ? [] : [event.duration]);
    const watched = durations.reduce((sum, n) => sum + Math.round(n * 1000), 0) / 1000;
    return {
      user_id: user,
      plays: events.length,
      watched,
      shortest: durations.length > 0 ? Math.min(...durations) : null,
      longest: durations.length > 0 ? Math.max(...durations) : null,
      mean_sum: watched,
      mean_count: durations.length,
      movies: [...new Set(events.map((event) => event.movie))].sort((a, b) => a - b),
    };
  });
}

const playsOf = (rows: readonly Record<string, unknown>[]) =>
  rows.reduce((sum, row) => sum + Number(row.plays), 0);

const rowsOf = ({ grain, day, all }: Readable) => ({ grain, day, all });

describe("laws of the batch layer", () => {
  let warehouse: Warehouse;
  beforeAll(async () => {
    warehouse = await openWarehouse();
  });
  afterAll(() => warehouse.close());

  it("incremental runs give what one full run gives, which is what the events say", async () => {
    let variant = 100;
    const law = fc.asyncProperty(
      fc.array(block, { minLength: 1, maxLength: 6 }),
      async (blocks) => {
        const world = await BatchWorld.open(warehouse);
        const plugins = (v: number) => [
          batchPlugin(usersPlugin, usersSql, v),
          batchPlugin(totalsPlugin, totalsSql, v),
        ];
        const [incremental, full] = [plugins(++variant), plugins(++variant)];
        const layer = world.layer(incremental, { horizon: HORIZON });
        for (const { log, partition, events, run } of blocks) {
          await world.append(log, partition, events);
          if (run) await layer.run();
        }
        await layer.run();
        const last = await world.layer(full, { horizon: HORIZON }).run();
        for (const [i, { tables }] of incremental.entries()) {
          const seen = (await readPublished(warehouse, tables))!;
          expect(rowsOf(seen)).toEqual(rowsOf((await readPublished(warehouse, full[i].tables))!));
        }
        const { counted, unseen } = model(blocks);
        expect((await readPublished(warehouse, full[0].tables))!.all).toEqual(answers(counted));
        expect(last!.plugins.map((part) => part.unseenRepeats)).toEqual([unseen, unseen]);
      },
    );
    await fc.assert(law, { numRuns: byTier({ quick: 2, full: 8, long: 100 }) });
  });

  it("a reader never sees a mix of runs nor a total that goes down", async () => {
    const world = await BatchWorld.open(warehouse);
    const users = batchPlugin(usersPlugin, usersSql, 1);
    const layer = world.layer([users], { settings: { memoryLimitBytes: 1e9, maxQueryMs: 1000 } });
    const totals = new Map<string, number>();
    let [published, reads, done] = [0, 0, false];
    const reader = async () => {
      let least = 0;
      while (!done) {
        const pointer = await readPointer(warehouse, users.tables);
        if (pointer === null) continue;
        const seen = await readRun(warehouse, users.tables, pointer);
        const expected = totals.get(encodeFrontier(seen.cut));
        expect([playsOf(seen.grain), playsOf(seen.day), playsOf(seen.all)])
          .toEqual([expected, expected, expected]);
        expect(expected).toBeGreaterThanOrEqual(least);
        least = expected!;
        reads++;
      }
    };
    await layer.run({ full: true }); // of nothing: it makes the table
    totals.set(encodeFrontier({}), 0);
    const readers = [reader(), reader()];
    for (let i = 0; i < RUNS; i++) {
      const events = Array.from({ length: 20 }, (_, n) => ({
        id: `${i}-${n}`,
        ms: day((i + n) % 4),
        user: n % 5,
        movie: i,
        duration: 1,
      }));
      await world.append("local-1", i % 2, events);
      totals.set(encodeFrontier(world.cut()), published += 20);
      world.clock.ms += 400;
      expect((await layer.run({ full: i === RUNS >> 1 }))!.plugins[0]).toMatchObject({
        status: "published",
        error: "",
      });
    }
    done = true;
    await Promise.all(readers);
    expect(reads).toBeGreaterThan(RUNS);
  });

  it("two runs at once never cross: numbers are used once, cuts grow, the answer is right", async () => {
    const world = await BatchWorld.open(warehouse);
    // Runs of other worlds have the same numbers, and ended.
    await warehouse.command("TRUNCATE TABLE batch_runs");
    const users = batchPlugin(usersPlugin, usersSql, 2);
    const layers = [world.layer([users]), world.layer([users])];
    const blocks: Block[] = [];
    const statuses: string[] = [];
    for (let i = 0; i < PAIRS; i++) {
      const appended: Block = {
        log: "local-1",
        // Downwards: later blocks bring lower copies, so that keys vanish.
        partition: 9 - i,
        run: true,
        events: [0, 1, 2].map((n) => ({
          id: `${(i + n) % 4}`,
          ms: day(n),
          user: i + n,
          movie: i,
          duration: i,
        })),
      };
      blocks.push(appended);
      await world.append(appended.log, appended.partition, appended.events);
      const first = layers[0].run({ full: i % 3 === 2 });
      if (i % 2 === 1) await new Promise((resolve) => setTimeout(resolve, 10 * i));
      const runs = await Promise.all([first, layers[1].run({ full: i % 4 === 3 })]);
      const parts = runs.filter((run) => run !== null);
      const numbers = parts.map((run) => run.run);
      expect(new Set(numbers).size).toBe(numbers.length);
      statuses.push(...parts.map((run) => run.plugins[0].status));
      expect(parts.filter((run) => run.plugins[0].status === "failed")).toEqual([]);
      const seen = (await readPublished(warehouse, users.tables))!;
      expect(reaches(seen.cut, world.cut())).toBe(true);
      expect(seen.all).toEqual(answers(model(blocks).counted));
    }
    expect(statuses).toContain("superseded");
    await removalsDone(warehouse);
    const pointers = await warehouse.query<{ run: number }>(
      `SELECT run FROM ${users.tables.batch} WHERE level = 0 ORDER BY run`,
    );
    expect(new Set(pointers.map((row) => row.run)).size).toBe(pointers.length);
  });
});
