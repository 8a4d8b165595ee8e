import { afterAll, beforeAll, describe, expect, it } from "testing";
import { boolean, defineSchema, instant, string, uint32 } from "../../runtime/events.ts";
import { decodeFrontier } from "../../runtime/model/frontier.ts";
import { definePlugin } from "../../runtime/define_plugin.ts";
import { count } from "../../runtime/plugin.ts";
import type { StatementOptions, Warehouse } from "../../runtime/ports/ports.ts";
import type { MetricAnswer } from "../../runtime/ports/services.ts";
import { createServing } from "../../runtime/serving/serving.ts";
import { createBatchTable, createSpeedTable, tablesOf } from "../../runtime/sql/tables.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { FakeSpeed, HandClock, logId, served, ServingWorld } from "../support/serving_world.ts";

const dir = Deno.makeTempDirSync({ prefix: "serving-keys-" });
const { user_stats, hourly_stats } = served;
const ends = [700, 1000, 900];
const cut = [256, 512, 512];
let warehouse: Warehouse;
let world: ServingWorld;
/** Statements that answered questions for keys. */
let asked: string[] = [];

/** The warehouse, with an eye on what is asked. */
function watched(): Warehouse {
  return {
    database: warehouse.database,
    cluster: null,
    query: <Row>(sql: string, options?: StatementOptions) => {
      if (/GROUP BY frontier|\{(key|any)_/.test(sql)) asked.push(sql);
      return warehouse.query<Row>(sql, options);
    },
    stream: (...of) => warehouse.stream(...of),
    command: (...of) => warehouse.command(...of),
    insert: (...of) => warehouse.insert(...of),
    apart: (...of) => warehouse.apart(...of),
    close: () => Promise.resolve(),
  };
}

beforeAll(async () => {
  warehouse = await openEmbeddedWarehouse({
    dir,
    database: "keys",
    memoryLimitBytes: 1_500_000_000,
  });
  world = new ServingWorld(watched());
  await world.clear();
  await world.generate(1000);
  for (const tables of [user_stats, hourly_stats]) {
    for (const [partition, end] of ends.entries()) await world.flush(tables, partition, 0, end);
    await world.publish(tables, 1, cut);
  }
  world.speed.move(...ends);
});
afterAll(async () => {
  await warehouse.close();
  await Deno.remove(dir, { recursive: true });
});

const frontierOf = (answer: MetricAnswer) => decodeFrontier(answer.frontier)[logId].map(Number);

describe("questions for single keys at once", () => {
  for (const layer of ["merged", "batch", "speed"]) {
    it(`layer ${layer}: each has the row that it has in the answer for all keys`, async () => {
      const ids = Array.from({ length: 42 }, (_, i) => String(i));
      const alone = new Map<string, unknown>();
      for (const row of (await world.serving.query("user_stats", { layer, keys: {} })).rows) {
        alone.set(String(row.user_id), row);
      }
      const answers = await Promise.all(
        ids.map((user_id) => world.serving.query("user_stats", { layer, keys: { user_id } })),
      );
      for (const [i, { rows, next, frontier }] of answers.entries()) {
        expect(rows).toEqual(alone.has(ids[i]) ? [alone.get(ids[i])] : []);
        expect([next, frontier]).toEqual([null, answers[0].frontier]);
      }
      expect(answers.filter(({ rows }) => rows.length === 0).length).toBe(2);
    });
  }

  it("are answered from memory where the speed rows are there, batch rows once per run", async () => {
    const frontier = { [logId]: ends.map(BigInt) };
    world.speed.recent = () => ({ frontier, states: () => null });
    const ask = (user_id: string) => world.serving.query("user_stats", { keys: { user_id } });
    const batch = async (user_id: string) =>
      (await world.serving.query("user_stats", { layer: "batch", keys: { user_id } })).rows;
    const first = await Promise.all([ask("11"), ask("5000")]);
    expect(first.map(({ rows }) => rows)).toEqual([await batch("11"), []]);
    expect(first.map(frontierOf)).toEqual([ends, ends]);
    asked = [];
    expect(await Promise.all([ask("11"), ask("5000")])).toEqual(first);
    expect(asked).toEqual([]);
    await world.publish(user_stats, 2, ends.map(() => 512), { base: cut, fullRun: 1 });
    const { rows, cut: newer } = await ask("11");
    expect(rows).toEqual(await batch("11"));
    expect(newer).not.toBe(first[0].cut);
    world.speed.recent = () => null;
  });

  it("one that waited for a frontier is answered by a statement that covers it", async () => {
    await world.events([{ partition: 0, offset: 700, at: "2024-03-01 00:00:00", user_id: 77 }]);
    const { frontier } = await world.serving.query("user_stats", { keys: {} });
    expect(frontier).toContain("700");
    const keys = { user_id: "77" };
    const wait_for = frontier.replace("700", "701");
    const waiting = world.serving.query("user_stats", { keys, wait_for });
    const other = world.serving.query("user_stats", { keys });
    // One speed layer stands for those of all metrics.
    for (const tables of Object.values(served)) await world.flush(tables, 0, 512, 701);
    world.speed.move(701, 1000, 900);
    expect((await waiting).rows[0].total_events).toBe(1);
    expect(frontierOf(await waiting)).toEqual([701, 1000, 900]);
    await other;
  });

  it("compares an enumeration by its text, and a range of time with it", async () => {
    const range = { from: "2024-03-01T04:00Z", to: "2024-03-01T11:00Z" };
    const all = (await world.serving.query("hourly_stats", { ...range, keys: {} })).rows;
    const types = ["view", "pause", "resume", "complete", "rating"];
    const answers = await Promise.all(
      types.map((event_type) =>
        world.serving.query("hourly_stats", { ...range, keys: { event_type } })
      ),
    );
    const rows = answers.flatMap((answer) => answer.rows);
    const byType = (a: typeof all[number], b: typeof all[number]) =>
      types.indexOf(String(a.event_type)) - types.indexOf(String(b.event_type));
    expect(rows).toEqual(all.toSorted(byType));
  });

  it("who has left is told so, and the others are answered", async () => {
    const gone = AbortSignal.abort(new Error("gone"));
    const keys = { user_id: "7" };
    await expect(world.serving.query("user_stats", { keys }, gone)).rejects.toThrow("gone");
    expect((await world.serving.query("user_stats", { keys })).rows.length).toBe(1);
  });
});

describe("series of the greatest keys", () => {
  it("are read by two statements, however many there are", async () => {
    asked = [];
    const range = { from: "2024-03-01", to: "2024-03-03", bucket: "hour" };
    const answer = await world.serving.series("user_stats", { ...range, top: "20", keys: {} });
    expect(asked.length).toBe(2);
    expect(answer.series.length).toBe(20);
    for (const { key, values } of answer.series.slice(0, 3)) {
      const keys = { user_id: String(key!.user_id) };
      const alone = await world.serving.series("user_stats", { ...range, keys });
      expect(values).toEqual(alone.series[0].values);
      expect(answer.time).toEqual(alone.time);
    }
  });
});

describe("keys of several columns", () => {
  const pages = defineSchema({
    topic: "pages",
    version: 1,
    summary: "",
    eventId: "id",
    eventTime: "at",
    partitionKey: "page",
    fields: { id: string(), at: instant(), page: string(), user: uint32(), bot: boolean() },
  });
  const plugin = definePlugin(pages, {
    name: "visits",
    summary: "",
    key: ({ page, user, bot }) => ({ page, user, bot }),
    measures: () => ({ visits: count() }),
  });
  const tables = tablesOf(plugin, "v1_keys");

  it("are told apart whatever their texts hold", async () => {
    const texts = ["it's", 'a "b", [c]', "back\\slash", "true", "7", ""];
    await warehouse.command(createBatchTable(tables));
    await warehouse.command(createSpeedTable(tables, logId));
    const columns = "kind, partition, block, window_start, page, user, bot, visits, version";
    for (const [i, page] of texts.entries()) {
      await warehouse.command(
        `INSERT INTO ${tables.speed(logId)} (${columns})
          SELECT 0, 0, 0, toDateTime(60, 'UTC'), {page:String}, 7, ${i % 2 === 0}, ${i + 1}, 10`,
        { params: { page } },
      );
    }
    await warehouse.command(`INSERT INTO ${tables.speed(logId)} (${columns})
      SELECT 1, 0, 0, toDateTime(0, 'UTC'), '', 0, false, 0, 10`);
    const speed = new FakeSpeed();
    speed.move(10);
    const serving = createServing({
      topics: [{ schema: pages, logId, plugins: [tables], speed }],
      warehouse,
      clock: new HandClock(),
    });
    const answers = await Promise.all(
      texts.flatMap((page) =>
        ["true", "false"].map((bot) => serving.query("visits", { keys: { bot, page, user: "7" } }))
      ),
    );
    expect(answers.map(({ rows }) => rows[0]?.visits ?? null))
      .toEqual(texts.flatMap((_, i) => i % 2 === 0 ? [i + 1, null] : [null, i + 1]));
    expect(answers.every((answer) => frontierOf(answer)[0] === 10)).toBe(true);
  });
});

describe("questions for single keys while rows are written", () => {
  it("have each row and frontier of one moment, one run and another", async () => {
    const writing = new ServingWorld(warehouse);
    await writing.clear();
    await writing.generate(1200);
    await writing.publish(user_stats, 1, [256, 256, 256]);
    let running = true;
    // As the speed layer tells it: after an insert, a partition at a time.
    const acknowledged = [0, 0, 0];
    const flush = async (partition: number, to: number) => {
      await writing.flush(user_stats, partition, Math.max(256, to - 31), to);
      acknowledged[partition] = to;
      writing.speed.move(...acknowledged);
    };
    const writer = (async () => {
      for (let to = 280; to <= 1200; to += 31) {
        await Promise.all([0, 1, 2].map((partition) => flush(partition, to)));
        if (to > 700 && to < 770) {
          await writing.publish(user_stats, 2, [512, 512, 256], {
            base: [256, 256, 256],
            fullRun: 1,
          });
        }
      }
    })().finally(() => running = false);
    let answers = 0;
    while (running) {
      const ids = [1, 39, 4000];
      const before = [...acknowledged];
      const found = await Promise.all(
        ids.map((id) => writing.serving.query("user_stats", { keys: { user_id: `${id}` } })),
      );
      for (const [i, answer] of found.entries()) {
        const where = `user_id = ${ids[i]}`;
        const truth = await writing.truth(user_stats, frontierOf(answer), {
          order: "user_id",
          where,
        });
        expect(answer.rows).toEqual(truth);
        expect(frontierOf(answer).filter((at, i) => at < before[i])).toEqual([]);
      }
      answers += ids.length;
    }
    await writer;
    expect(answers).toBeGreaterThan(10);
  });
});
