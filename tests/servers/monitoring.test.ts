import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { clickHouse } from "../support/clickhouse_question.ts";
import { eventually } from "../support/eventually.ts";
import { promtool } from "../support/foreign_clients.ts";
import { type MovieEvent, movieEvents, take } from "../support/movie_events.ts";
import { Prometheus } from "../support/prometheus.ts";
import { root } from "../support/running_engine.ts";
import { Cluster, statusOf } from "../support/workers.ts";

const PARTITIONS = 2;

interface Target {
  readonly expr?: string;
  readonly rawSql?: string;
}

/** What the panels of a provisioned dashboard ask, by their titles. */
async function questions(dashboard: string): Promise<[title: string, target: Target][]> {
  const path = join(root, "tools/monitoring/grafana/dashboards", dashboard);
  const { panels } = JSON.parse(await Deno.readTextFile(path)) as {
    panels: { title: string; targets: Target[] }[];
  };
  return panels.flatMap(({ title, targets }) =>
    targets.map((target): [string, Target] => [title, target])
  );
}

/**
 * A statement as Grafana's ClickHouse plugin sends it.
 *
 * @see https://github.com/grafana/clickhouse-datasource/blob/main/README.md#macros
 */
function expanded(sql: string, fromSeconds: number, toSeconds: number): string {
  return sql.replaceAll(
    /\$__timeFilter\((\w+)\)/g,
    `$1 >= toDateTime('${fromSeconds}') AND $1 <= toDateTime('${toSeconds}')`,
  );
}

describe("what watches a worker", () => {
  it("the Prometheus configuration and alerts pass promtool", async () => {
    const path = join(root, "tools/monitoring/prometheus.yml");
    const alerts = await Deno.readTextFile(join(root, "tools/monitoring/alerts.yml"));
    const rules = alerts.match(/- alert:/g)!.length;
    expect(await promtool(["check", "config", "--lint=all", "--lint-fatal", path]))
      .toContain(`${rules} rules found`);
  });
});

describe("what a worker is watched by", () => {
  let cluster: Cluster;
  let events: MovieEvent[];
  beforeAll(async () => {
    cluster = await Cluster.open({ partitions: PARTITIONS });
    const [worker] = await cluster.start(1);
    const body = (events: readonly unknown[]) =>
      events.map((event) => JSON.stringify(event) + "\n").join("");
    const url = await worker.url();
    const around = { aroundMs: Date.now() - 120_000, lateOneIn: 2 ** 40 };
    events = take(movieEvents({ seed: 1, firstUser: 1, ...around }), 500);
    const headers = { "content-type": "application/x-ndjson" };
    for (const part of [events, [{ no: "event" }]]) {
      const answer = await fetch(new URL("/api/v1/events", url), {
        method: "POST",
        headers,
        body: body(part),
      });
      expect(answer.status).toBe(200);
      await answer.body?.cancel();
    }
    await eventually(
      "all to be archived",
      () => statusOf(worker),
      ({ topics: [{ partitions }] }) =>
        partitions.every((of) => of.archived === of.log_end && of.lag_records === 0),
      { pauseMs: 250 },
    );
    const run = await fetch(new URL("/api/v1/batch/runs", url), { method: "POST", headers });
    expect(run.ok).toBe(true);
    await run.body?.cancel();
  });
  afterAll(async () => {
    await cluster.close();
  });

  it("every panel over /metrics finds something in a real Prometheus, and no alert fires", async () => {
    const [worker] = cluster.workers;
    const prometheus = await Prometheus.start(new URL(await worker.url()).host);
    try {
      const told: [string, string[]][] = [];
      for (const [title, { expr }] of await questions("twofold.json")) {
        const samples = await eventually(
          `a value of "${title}"`,
          () => prometheus.query(expr!),
          (samples) => samples.length > 0,
          { pauseMs: 200 },
        );
        told.push([title, samples.map(({ value: [, value] }) => value)]);
      }
      expect(told.length).toBeGreaterThan(10);
      expect(Object.fromEntries(told)).toMatchObject({
        "Workers that answer": ["1"],
        "Ready": ["1"],
        "Problems": ["0"],
        "Drift": ["0"],
        "Dead letters": ["1"],
        "Lag": ["0", "0"],
      });
      const alerts = await prometheus.alerts();
      expect(Object.keys(alerts).length).toBeGreaterThan(5);
      expect(Object.entries(alerts).filter(([, state]) => state !== "inactive")).toEqual([]);
    } finally {
      await prometheus.close();
    }
  });

  it("every panel over ClickHouse finds in its relation what was sent", async () => {
    const answers = await panelAnswers(cluster.env.TWOFOLD_CLICKHOUSE_DATABASE);
    const views = events.filter(({ event_type }) => event_type === "view");
    const ratings = events.flatMap(({ movie_id, rating }) =>
      rating === null ? [] : [{ movie_id, rating }]
    );
    const sum = (rows: readonly Row[], column: string) =>
      rows.reduce((sum, row) => sum + Number(row[column]), 0);
    const [most] = Object.entries(Object.groupBy(views, ({ movie_id }) => movie_id))
      .map(([movie, views]) => ({ movie_id: Number(movie), view_count: views!.length }))
      .sort((a, b) => b.view_count - a.view_count || a.movie_id - b.movie_id);
    const [best] = Object.entries(Object.groupBy(ratings, ({ movie_id }) => movie_id))
      .map(([movie, of]) => ({
        movie_id: Number(movie),
        avg_rating: of!.reduce((sum, { rating }) => sum + 10 * rating, 0) / 10 / of!.length,
        rating_count: of!.length,
      }))
      .filter(({ rating_count }) => rating_count >= 3)
      .sort((a, b) => b.avg_rating - a.avg_rating || a.movie_id - b.movie_id);
    expect(answers["Most active users"]).toEqual(
      events.slice(0, 20).map(({ user_id, duration }) => ({
        user_id,
        total_events: 1,
        movies_watched: 1,
        avg_duration: duration,
      })),
    );
    expect(answers["Most viewed movies"][0]).toEqual(most);
    expect(answers["Best rated movies"][0]).toEqual(
      { ...best, avg_rating: expect.closeTo(best.avg_rating) },
    );
    expect(sum(answers["Events by hour of the day"], "event_count")).toBe(events.length);
    expect(sum(answers["Views"], "views")).toBe(views.length);
    expect(sum(answers["Active users"], "users")).toBe(events.length);
    expect(sum(answers["Events by type"], "events")).toBe(events.length);
    expect(sum(answers["Ratings"], "ratings")).toBe(ratings.length);
    const weighted = answers["Ratings"].map((row) => ({
      all: Number(row.ratings) * Number(row.average),
    }));
    expect(sum(weighted, "all")).toBeCloseTo(ratings.reduce((sum, { rating }) => sum + rating, 0));
  });
});

type Row = Readonly<Record<string, unknown>>;

/** What the panels over ClickHouse show, by their titles, of the last half hour. */
async function panelAnswers(database: string): Promise<Record<string, Row[]>> {
  const nowSeconds = Math.floor(Date.now() / 1000);
  const answers: Record<string, Row[]> = {};
  for (const [title, { rawSql }] of await questions("movies.json")) {
    const sql = expanded(rawSql!, nowSeconds - 1800, nowSeconds);
    answers[title] = await clickHouse(sql, { database });
  }
  const asked = (await questions("movies.json")).map(([, { rawSql }]) => rawSql).join("\n");
  expect(new Set(asked.match(/\b(batch|stream)_\w+/g)).size).toBe(8);
  return answers;
}
