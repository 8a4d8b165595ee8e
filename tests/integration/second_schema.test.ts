import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { movieEvents, take } from "../support/movie_events.ts";
import { eventsIn } from "../support/parity_of_layers.ts";
import type { SeriesAnswer } from "../../runtime/ports/services.ts";
import { root, RunningEngine } from "../support/running_engine.ts";

const SCHEMA = `
import { boolean, decimal, defineSchema, enumeration, instant, integer, string, uint32 } from "twofold";

export const payments = defineSchema({
  topic: "shop.payments",
  version: 1,
  summary: "Payments of a shop",
  eventId: "payment_id",
  eventTime: "paid_at",
  partitionKey: "account",
  fields: {
    payment_id: string(),
    paid_at: instant(),
    account: string(),
    till: uint32(),
    method: enumeration(["card", "cash", "it's a gift"]),
    refund: boolean(),
    points: integer({ min: -1000, max: 1000, nullable: true }),
    amount: decimal({ scale: 2, min: -100000, max: 100000 }),
  },
});
`;

const PLUGIN = `
import { avg, compute, count, definePlugin, type EventOf, first, last, max, min } from "twofold";
import { quantile, string, sum, tumbling, uniq } from "twofold";
import { payments } from "./payments.schema.ts";

const size = ({ amount }: EventOf<typeof payments>) =>
  amount < 0 ? "back" : amount < 20 ? "small" : "large";

export default definePlugin(payments, {
  name: "takings",
  summary: "What an account paid, by method and size",
  where: ({ till }) => till.ne(13),
  key: ({ account, method, refund }) => ({
    account,
    method,
    refund,
    size: compute(string(), size, {
      sql: "multiIf(amount < 0, 'back', amount < 20, 'small', 'large')",
    }),
  }),
  measures: ({ payment_id, amount, points, till, method, refund }) => ({
    payments: count(),
    total: sum(amount),
    least: min(amount),
    most: max(points),
    mean_points: avg(points),
    tills: uniq(till),
    methods: uniq(method),
    median: quantile(amount, 0.5),
    rewarded: count({ where: points.gt(0) }),
    rewarded_total: sum(amount, { where: points.gt(0) }),
    first_payment: first(payment_id),
    last_points: last(points),
    last_method: last(method),
    last_refund: last(refund),
    last_small: last(amount, { where: amount.lt(100) }),
  }),
  derive: ({ total, payments }) => ({ mean: total.per(payments) }),
  stream: { window: tumbling("5m") },
  present: { sort: "-total" },
});
`;

/** payment, time, account, till, method, refund, points, amount. */
const PAYMENTS = [
  ["p1", "2026-01-05T10:00:00Z", "a\n'ö\"", 1, "card", false, 5, 10.5],
  ["p2", "2026-01-05T10:04:59.999999999Z", "a\n'ö\"", 2, "card", false, null, 8.75],
  ["p3", "2026-01-05T10:05:00Z", "a\n'ö\"", 2, "card", false, -7, 0.25],
  ["p4", "2026-01-05T12:00:00+01:00", "b", 3, "it's a gift", true, null, -20],
  ["p5", "2025-12-31T23:59:59Z", "b", 3, "cash", false, 1000, 99999.99],
  ["p6", "2026-01-05T10:00:00Z", "b", 13, "cash", false, 1, 1],
] as const;

const asEvents = () =>
  PAYMENTS.map(([payment_id, paid_at, account, till, method, refund, points, amount]) => ({
    payment_id,
    paid_at,
    account,
    till,
    method,
    refund,
    points,
    amount,
  }));

const COLUMNS = [
  "account",
  "method",
  "refund",
  "size",
  "payments",
  "total",
  "least",
  "most",
  "mean_points",
  "tills",
  "methods",
  "median",
  "rewarded",
  "rewarded_total",
  "first_payment",
  "last_points",
  "last_method",
  "last_refund",
  "last_small",
  "mean",
];
const WANTED = [
  [
    "a\n'ö\"",
    "card",
    false,
    "small",
    3,
    19.5,
    0.25,
    5,
    -1,
    2,
    1,
    8.75,
    1,
    10.5,
    "p1",
    -7,
    "card",
    false,
    0.25,
    6.5,
  ],
  [
    "b",
    "cash",
    false,
    "large",
    1,
    99999.99,
    99999.99,
    1000,
    1000,
    1,
    1,
    100270.07,
    1,
    99999.99,
    "p5",
    1000,
    "cash",
    false,
    null,
    99999.99,
  ],
  [
    "b",
    "it's a gift",
    true,
    "back",
    1,
    -20,
    -20,
    null,
    null,
    1,
    1,
    -20.07,
    0,
    0,
    "p4",
    null,
    "it's a gift",
    true,
    -20,
    -20,
  ],
].map((row) => Object.fromEntries(row.map((value, i) => [COLUMNS[i], value])));

describe("a second schema, beside the movies, by files in plugins/ alone", () => {
  let dir: string;
  let engine: RunningEngine;
  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-second-", dir: root });
    const plugins = join(dir, "plugins");
    await Deno.mkdir(plugins);
    for await (const { name, isFile } of Deno.readDir(join(root, "plugins"))) {
      const [from, to] = [join(root, "plugins", name), join(plugins, name)];
      await (isFile ? Deno.copyFile(from, to) : Deno.symlink(from, to));
    }
    await Deno.writeTextFile(join(plugins, "payments.schema.ts"), SCHEMA);
    await Deno.writeTextFile(join(plugins, "takings.ts"), PLUGIN);
    for (const name of ["islands", "routes", "sql"]) {
      await Deno.symlink(join(root, name), join(dir, name));
    }
    engine = await RunningEngine.open({ dir: join(dir, "data"), root: dir });
  });
  afterAll(async () => {
    await engine?.close();
    if (dir) await Deno.remove(dir, { recursive: true });
  });

  const rows = async (layer: string, params: Record<string, string> = {}) => {
    const query = { layer, order: "account", ...params };
    return (await engine.metric("takings", query)).rows;
  };

  it("takes its events by topic, beside the other's", async () => {
    const { accepted, rejected, frontier } = await engine.post(
      [...asEvents(), { payment_id: "p7", paid_at: "2026-01-05T10:00:00Z", account: "c" }],
      "shop.payments",
    );
    expect([accepted, rejected.map(({ line, field }) => [line, field])])
      .toEqual([6, [[7, "till"]]]);
    const movies = movieEvents({ seed: 3, firstUser: 1, aroundMs: Date.parse("2026-01-05") });
    const other = await engine.post(take(movies, 500), "movie-viewing-events");
    await engine.metric("takings", { wait_for: frontier });
    await engine.metric("hourly_stats", { wait_for: other.frontier });
    await expect(engine.post(asEvents())).rejects.toThrow(/topic must be one of/);
  });

  it("answers speed and merged at once", async () => {
    expect(await rows("speed")).toEqual(WANTED);
    expect(await rows("merged")).toEqual(WANTED);
    const windows = await rows("speed", { bucket: "window", account: "a\n'ö\"" });
    expect(windows.map((row) => [row.window_start, row.payments]).sort())
      .toEqual([["2026-01-05T10:00:00Z", 2], ["2026-01-05T10:05:00Z", 1]]);
    expect(await eventsIn(engine, "merged")).toBe(500);
  });

  it("answers batch after a run, a repeat changes nothing", async () => {
    const run = await engine.batch({ topic: "shop.payments" });
    expect(run!.plugins.map(({ plugin, drift }) => [plugin, drift])).toEqual([["takings", 0]]);
    for (const layer of ["batch", "merged", "speed"]) expect(await rows(layer)).toEqual(WANTED);
    await engine.post(asEvents(), "shop.payments");
    await engine.batch({ topic: "shop.payments" });
    await engine.batch({ topic: "movie-viewing-events" });
    for (const layer of ["batch", "merged", "speed"]) expect(await rows(layer)).toEqual(WANTED);
    expect(await eventsIn(engine, "batch")).toBe(500);
  });

  it("filters by every kind of key", async () => {
    const keys = { account: "b", method: "it's a gift", refund: "true", size: "back" };
    for (const layer of ["batch", "merged", "speed"]) {
      for (const [key, value] of Object.entries(keys)) {
        const found = await rows(layer, { [key]: value });
        const wanted = WANTED.filter((row) => String(row[key]) === value);
        expect([layer, key, found]).toEqual([layer, key, wanted]);
      }
    }
    await expect(rows("merged", { refund: "yes" })).rejects.toThrow(/true or false/);
  });

  it("orders by a text or a boolean of a measure, page by page", async () => {
    const paged = async (order: string) => {
      const found: unknown[] = [];
      let after: Record<string, string> = {};
      for (let page = 0; page < WANTED.length; page++) {
        const { rows, next } = await engine.metric("takings", { order, limit: "1", ...after });
        found.push(...rows.map(({ first_payment }) => first_payment));
        after = next === null ? {} : { after: next };
      }
      return found.join(" ");
    };
    expect(await paged("-first_payment")).toBe("p5 p4 p1");
    // An enumeration has the order of its declared values, and null comes last.
    expect(await paged("last_method")).toBe("p1 p5 p4");
    expect(await paged("-last_refund")).toBe("p4 p1 p5");
    expect(await paged("last_points")).toBe("p1 p5 p4");
  });

  it("draws a measure that is a number, and no other one", async () => {
    const series = (measure: string) =>
      engine.get<SeriesAnswer>(
        `/api/v1/metrics/takings/series?measure=${measure}&bucket=day&from=2026-01-05T00:00:00Z`,
      );
    expect((await series("last_small")).series).toMatchObject([{ key: null, values: [-20] }]);
    await expect(series("last_method")).rejects.toThrow(/measure must be one of payments, total/);
  });

  it("gives its three relations", async () => {
    const list = COLUMNS.join(", ");
    const ordered = `SELECT ${list} FROM %s ORDER BY account, method`;
    for (const relation of ["batch_takings", "merged_takings"]) {
      expect(await engine.sql(ordered.replace("%s", relation))).toEqual(WANTED);
    }
    expect(await engine.value("SELECT count() FROM stream_takings")).toBe(4);
    expect(await engine.value("SELECT sum(event_count) FROM batch_hourly_stats")).toBe(500);
  });

  it("is in the status and the list of metrics, and goes on after a restart", async () => {
    const { topics, plugins, problems } = await engine.status();
    expect(problems).toEqual([]);
    expect(topics.map(({ topic }) => topic).sort())
      .toEqual(["movie-viewing-events", "shop.payments"]);
    expect(plugins.length).toBe(7);
    await engine.close();
    engine = await RunningEngine.open({ dir: join(dir, "data"), root: dir });
    for (const layer of ["batch", "merged", "speed"]) expect(await rows(layer)).toEqual(WANTED);
  });
});
