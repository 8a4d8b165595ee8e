import { afterAll, beforeAll, describe, expect, it } from "testing";
import { grainSeconds } from "../../runtime/plugin.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { relationViews } from "../../runtime/serving/relations.ts";
import { wholeWindows } from "../../runtime/speed/whole_windows.ts";
import { tablesOf } from "../../runtime/sql/tables.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { logId, ServingWorld } from "../support/serving_world.ts";
import { tier } from "../support/tier.ts";
import { visits } from "../support/visits.ts";

const tables = tablesOf(visits, "v1_test");
const ends = [700, 1000, 900];
const cut = [512, 512, 768];
const MINUTE_MS = 60_000;

const dir = Deno.makeTempDirSync({ prefix: "sessions-" });
let warehouse: Warehouse;
let world: ServingWorld;
/** Every event: its user, its time in milliseconds, and whether it is a view. */
let events: readonly {
  partition: number;
  offset: number;
  user: number;
  ms: number;
  view: number;
}[];

beforeAll(async () => {
  warehouse = await openEmbeddedWarehouse({ dir, database: "visits", memoryLimitBytes: 1.5e9 });
  world = new ServingWorld(warehouse, {}, [tables]);
  await world.clear();
  await world.generate(1000);
  for (const [partition, end] of ends.entries()) await world.flush(tables, partition, 0, end);
  world.speed.move(...ends);
  await world.publish(tables, 1, [256, 512, 512]);
  await world.publish(tables, 3, cut, { base: [256, 512, 512], fullRun: 1 });
  events = await warehouse.query(`SELECT partition, offset, user_id AS user,
    toUnixTimestamp64Milli(event_time) AS ms, event_type = 'view' AS view FROM source`);
});
afterAll(async () => {
  await warehouse.close();
  await Deno.remove(dir, { recursive: true });
});

interface Question {
  readonly layer?: "merged" | "batch" | "speed";
  readonly bucket?: string;
  readonly from: string;
  readonly to?: string;
}

/** Sessions as simply as can be. */
function sessionsOf(all: readonly { ms: number }[], gapMs: number) {
  const found: { start: number; end: number; events: number }[] = [];
  for (const { ms } of all.toSorted((a, b) => a.ms - b.ms)) {
    const last = found.at(-1);
    if (last === undefined || ms - last.end > gapMs) found.push({ start: ms, end: ms, events: 1 });
    else Object.assign(last, { end: ms, events: last.events + 1 });
  }
  return found;
}

const mean = (all: readonly number[]) =>
  all.length === 0 ? null : all.reduce((a, b) => a + b, 0) / all.length;

/** The rows that an answer must have, by user and bucket, with its bucket's start in milliseconds. */
function truth({ layer = "merged", bucket = "all", from, to }: Question) {
  const frontier = layer === "batch" ? cut : ends;
  const [fromMs, toMs] = [Date.parse(from), to === undefined ? Infinity : Date.parse(to)];
  const seen = events.filter(({ partition, offset, ms }) =>
    offset < frontier[partition] && ms < toMs
  );
  const sizes: Record<string, number> = { ...grainSeconds, window: 10, all: Infinity };
  const startOf = (ms: number) =>
    bucket === "all" ? null : Math.floor(ms / 1000 / sizes[bucket]) * 1000 * sizes[bucket];
  const rows = new Map<string, Record<string, number | null>>();
  for (const [user, own] of Map.groupBy(seen, ({ user }) => user)) {
    const inRange = own.filter(({ ms }) => ms >= fromMs);
    for (const [start, counted] of Map.groupBy(inRange, ({ ms }) => startOf(ms))) {
      const shown = (name: string, all: typeof own, gapMs: number) => {
        const found = sessionsOf(all, gapMs)
          .filter((one) => one.start >= fromMs && startOf(one.start) === start);
        return {
          [name]: found.length,
          [`${name}_mean_seconds`]: mean(found.map(({ start, end }) => (end - start) / 1000)),
          [`${name}_mean_events`]: mean(found.map(({ events }) => events)),
        };
      };
      const visits = shown("visits", own, 30 * MINUTE_MS);
      rows.set(`${start} ${user}`, {
        ...visits,
        ...shown("viewings", own.filter(({ view }) => view === 1), 10 * MINUTE_MS),
        event_count: counted.length,
        events_per_visit: visits.visits === 0 ? null : counted.length / visits.visits!,
      });
    }
  }
  return rows;
}

async function answer(question: Question, more: Record<string, string> = {}) {
  const { rows } = await world.serving.query("visits", {
    ...question,
    limit: "10000",
    keys: {},
    ...more,
  });
  return new Map(rows.map(({ bucket, window_start, window_end: _, user_id, ...row }) => {
    const start = bucket ?? window_start;
    return [`${start === undefined ? null : Date.parse(String(start))} ${user_id}`, row];
  }));
}

/** Means are sums of whole numbers divided: only their last bits may differ. */
function expectSame(found: Awaited<ReturnType<typeof answer>>, wanted: ReturnType<typeof truth>) {
  expect([...found.keys()].sort()).toEqual([...wanted.keys()].sort());
  for (const [name, row] of wanted) {
    for (const [column, value] of Object.entries(row)) {
      const got = found.get(name)![column];
      const close = typeof got === "number" && value !== null && Math.abs(got - value) < 1e-9;
      if (got !== value && !close) expect([name, column, got]).toEqual([name, column, value]);
    }
  }
}

const part = { from: "2024-03-01T05:15:00Z", to: "2024-03-01T20:45:00Z" };
const ranges = tier === "quick" ? [part] : [
  part,
  { from: "2024-03-01T00:00:00Z" },
  { from: "2024-03-02T00:00:00Z", to: "2024-03-03T00:00:00Z" },
  { from: "1970-01-01T00:00:00Z", to: "2024-03-02T03:00:00Z" },
];

describe("sessions", () => {
  for (const layer of ["merged", "batch", "speed"] as const) {
    for (
      const bucket of ["all", "day", "hour", "15minute", ...layer === "speed" ? ["window"] : []]
    ) {
      it(`of layer ${layer} by ${bucket} count where they begin, joined across buckets`, async () => {
        for (const range of ranges) {
          const question = { layer, bucket, ...range };
          expectSame(await answer(question), truth(question));
        }
      });
    }
  }

  it("of a test that tells something: they cross bounds of buckets, ranges and the cut", () => {
    const whole = truth(part);
    const sum = (rows: typeof whole) => [...rows.values()].reduce((n, row) => n + row.visits!, 0);
    const hourly = truth({ ...part, bucket: "hour" });
    expect(sum(hourly)).toBe(sum(whole));
    expect([...hourly.values()].filter(({ visits }) => visits === 0).length).toBeGreaterThan(50);
  });

  it("are told of single keys, ranked and by pages", async () => {
    const question = { ...part, bucket: "hour" };
    const of = (user: number) =>
      new Map([...truth(question)].filter(([name]) => name.endsWith(` ${user}`)));
    expectSame(await answer(question, { keys: { user_id: "7" } as never }), of(7));
    for (const order of ["-visits", "-event_count", "viewings_mean_seconds"]) {
      const all = await world.serving.query("visits", { ...part, order, keys: {} });
      const first = await world.serving.query("visits", {
        ...part,
        order,
        limit: "7",
        keys: {},
      });
      const next = await world.serving.query("visits", {
        ...part,
        order,
        limit: "7",
        after: first.next!,
        keys: {},
      });
      expect([...first.rows, ...next.rows]).toEqual(all.rows.slice(0, 14));
    }
  });

  it("add up over keys in a series, and each key has its own", async () => {
    const range = { ...part, bucket: "hour", keys: {} };
    for (const layer of ["merged", "batch", "speed"] as const) {
      const sums = new Map<number, number>();
      for (const [name, row] of truth({ ...part, layer, bucket: "hour" })) {
        const start = Number(name.split(" ")[0]) / 1000;
        sums.set(start, (sums.get(start) ?? 0) + row.visits!);
      }
      const total = await world.serving.series("visits", { ...range, layer, measure: "visits" });
      expect(total.series[0].values).toEqual(total.time.map((start) => sums.get(start) ?? null));
      expect(total.parts).toBe(layer === "batch" ? null : "events");
    }
    const top = await world.serving.series("visits", { ...range, measure: "visits", top: "3" });
    const wanted = truth({ ...part, bucket: "hour" });
    for (const { key, values } of top.series) {
      expect(values).toEqual(
        top.time.map((start) => wanted.get(`${start * 1000} ${key!.user_id}`)?.visits ?? null),
      );
    }
  });

  it("are refused without a beginning, and other measures are not", async () => {
    const refused = 'Cannot query metric "visits": from must be given';
    for (const query of [{}, { to: "2024-03-02" }]) {
      await expect(world.serving.query("visits", { ...query, keys: {} })).rejects.toThrow(refused);
    }
    for (const measure of ["visits", "viewings_mean_events", "events_per_visit"]) {
      await expect(world.serving.series("visits", { measure, keys: {} })).rejects.toThrow(refused);
    }
    const all = await world.serving.series("visits", { measure: "event_count", keys: {} });
    expect(all.series[0].values.some((value) => value !== null)).toBe(true);
  });

  it("of layer speed are right from kept_from on, where rows before it were removed", async () => {
    const first = ends.map(() => 512n);
    await warehouse.command(`DELETE FROM ${tables.speed(logId)} WHERE block < 512`);
    const removed = events.filter(({ offset }) => offset < 512);
    const lastMs = Math.max(...removed.map(({ ms }) => ms));
    const below = () => Promise.resolve({ lastMs, futureMs: null });
    world.speed.whole = await wholeWindows(visits, first, below);
    const asked = {
      layer: "speed",
      from: new Date(world.speed.whole.fromMs!).toISOString(),
    } as const;
    const { kept_from: from } = await world.serving.query("visits", { ...asked, keys: {} });
    for (const bucket of ["all", "hour", "window"]) {
      const question = { layer: "speed", bucket, from: from! } as const;
      expectSame(await answer(question), truth(question));
    }
    // Where whole windows begin, sessions that go on seem to begin.
    const sum = (rows: Map<string, Record<string, unknown>>) =>
      [...rows.values()].reduce((count, { visits }) => count + Number(visits), 0);
    expect(sum(await answer(asked))).toBeGreaterThan(sum(truth(asked)));
  });

  it("are no columns of the relations, which have no range", async () => {
    const columns = await Promise.all(
      relationViews(tables, logId).map(async ({ name, sql }) => {
        await warehouse.command(sql);
        const rows = await warehouse.query<{ name: string }>(`DESCRIBE TABLE ${name}`);
        await warehouse.query(`SELECT * FROM ${name}`);
        return rows.map((row) => row.name);
      }),
    );
    expect(columns).toEqual([
      ["window_start", "window_end", "user_id", "event_count"],
      ["user_id", "event_count"],
      ["user_id", "event_count"],
    ]);
  });
});
