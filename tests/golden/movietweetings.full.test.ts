import { afterAll, beforeAll, describe, expect, it } from "testing";
import type { Layer, MetricAnswer } from "../../runtime/ports/services.ts";
import { runCommand } from "../support/command.ts";
import { LogTruth } from "../support/log_truth.ts";
import { assertRatings, ratingsFile, reference } from "../support/movietweetings.ts";
import { RunningEngine } from "../support/running_engine.ts";

type Row = Readonly<Record<string, number | string>>;

const DAY_MS = 86_400_000;
const LIMIT = 10_000;
const FIRST_DAY_MS = Date.parse("2013-02-28T00:00:00Z");
const END_MS = Date.parse("2013-09-02T00:00:00Z");

/** Replays the file through the command line into the process that runs. */
async function replay(dir: string) {
  const args = ["replay", ratingsFile, "--format", "movielens", "--rate", "max", "--data", dir];
  const result = await runCommand(args);
  expect({ code: result.code, err: result.err }).toMatchObject({ code: 0 });
  expect(result.out).toContain("accepted  100,000 events");
  return / frontier {2}(\S+)/.exec(result.out)![1];
}

/** Every figure that the API gives from one layer. */
async function figures(engine: RunningEngine, layer: Layer) {
  const ask = async (metric: string, params: Record<string, string | number>) =>
    (await engine.metric(metric, { layer, limit: LIMIT, ...params })).rows as unknown as Row[];
  // More keys than one answer gives: from both ends, they overlap.
  const distinct = async (metric: string, key: string) => {
    const ends = await Promise.all([key, `-${key}`].map((order) => ask(metric, { order })));
    return new Set(ends.flat().map((row) => row[key])).size;
  };
  const total = (rows: Row[]) => rows.reduce((sum, row) => sum + Number(row.event_count), 0);
  const hours = await ask("hourly_stats", { bucket: "hour" });
  const byHourOfDay = new Array<number>(24).fill(0);
  for (const { bucket, event_count } of hours) {
    byHourOfDay[new Date(bucket).getUTCHours()] += Number(event_count);
  }
  const rated = await ask("ratings", { limit: 5 });
  const active = await ask("user_stats", { limit: 3 });
  return {
    ratings: total(await ask("hourly_stats", { bucket: "all" })),
    users: await distinct("user_stats", "user_id"),
    movies: await distinct("ratings", "movie_id"),
    mostRated: rated.map((row) => [row.movie_id, row.rating_count, Number(row.rating_sum)]),
    mostActive: active.map((row) => [row.user_id, row.total_events, row.movies_watched]),
    byHourOfDay,
    hours: hours.length,
    days: (await ask("hourly_stats", { bucket: "day" })).length,
    views: (await ask("popular_movies", {})).length,
  };
}

/** All windows of a metric: an answer is limited, so ranges are halved until they fit. */
async function windows(
  engine: RunningEngine,
  metric: string,
  fromMs = FIRST_DAY_MS,
  toMs = END_MS,
): Promise<Row[]> {
  const [from, to] = [fromMs, toMs].map((ms) => new Date(ms).toISOString());
  const params = { layer: "speed", bucket: "window", from, to, limit: LIMIT };
  const { rows } = await engine.metric(metric, params);
  if (rows.length < LIMIT) return rows as unknown as Row[];
  const middleMs = fromMs + Math.floor((toMs - fromMs) / 2 / DAY_MS) * DAY_MS;
  return [
    ...await windows(engine, metric, fromMs, middleMs),
    ...await windows(engine, metric, middleMs, toMs),
  ];
}

const { ratings, users, movies, mostRated, mostActive, byHourOfDay, hours, days } = reference;
const wanted = {
  ratings,
  users,
  movies,
  mostRated,
  mostActive,
  byHourOfDay,
  hours,
  days,
  views: 0,
};

describe("a replay of MovieTweetings at full speed into an empty folder", () => {
  let dir: string;
  let engine: RunningEngine;
  let frontier: string;
  beforeAll(async () => {
    await assertRatings();
    dir = await Deno.makeTempDir({ prefix: "twofold-golden-" });
    engine = await RunningEngine.open({ dir });
  });
  afterAll(async () => {
    await engine?.close();
    if (dir) await Deno.remove(dir, { recursive: true });
  });

  it("counts, on the way, the events up to each answer's frontier", async () => {
    const [log] = engine.engine.logs.values();
    const truth = new LogTruth(log);
    let done = false;
    const replaying = replay(dir).finally(() => done = true);
    let before = 0;
    let answers = 0;
    while (!done) {
      const answer = await engine.metric("hourly_stats", { bucket: "all" });
      const merged = answer.rows.reduce((sum, row) => sum + Number(row.event_count), 0);
      // The frontier lies within what the log has acknowledged: countBelow() reads no further.
      expect([answer.frontier, merged]).toEqual([
        answer.frontier,
        await truth.countBelow(answer.frontier),
      ]);
      expect(merged).toBeGreaterThanOrEqual(before);
      expect(merged).toBeLessThanOrEqual((await truth.identities()).size);
      before = merged;
      answers++;
    }
    frontier = await replaying;
    expect(answers).toBeGreaterThan(3);
    expect((await truth.identities()).size).toBe(ratings);
  });

  it("gives every figure in merged at once", async () => {
    const waited: MetricAnswer = await engine.metric("ratings", { wait_for: frontier, limit: 1 });
    expect(waited.cut).toBe("");
    for (const name of ["user_stats", "popular_movies", "hourly_stats"]) {
      await engine.metric(name, { wait_for: frontier, limit: 1 });
    }
    expect(await figures(engine, "merged")).toEqual(wanted);
    expect(await figures(engine, "speed")).toEqual(wanted);
    await expect(figures(engine, "batch")).rejects.toThrow(/503.*waits for its first batch run/);
  });

  it("gives the windows in speed", async () => {
    const edges = async (order: string) => {
      const { rows: [row] } = await engine.metric("hourly_stats", {
        layer: "speed",
        bucket: "window",
        order,
        limit: 1,
      });
      return [row.window_start, row.window_end];
    };
    expect(await edges("window_start")).toEqual(reference.firstWindow);
    expect(await edges("-window_start")).toEqual(reference.lastWindow);
    const all = await windows(engine, "hourly_stats");
    expect(all.length).toBe(reference.windows);
    // Two windows are the fullest; the reference has the later one.
    const fullest = all.reduce((a, b) => b.event_count >= a.event_count ? b : a);
    expect([fullest.window_start, fullest.event_count]).toEqual(reference.fullestWindow);
    expect((await windows(engine, "ratings")).length).toBe(reference.windowsOfMovies);
    const { topics: [{ partitions }] } = await engine.status();
    expect(partitions.map((of) => of.last_event).sort().at(-1)).toBe(reference.lastEvent);
  });

  it("gives every figure in batch once ticks have closed the last blocks and a run followed", async () => {
    // The first run comes by itself and may have covered all: a full one always runs.
    const run = await engine.batch({ full: true });
    expect(run!.plugins.map(({ drift, unseenRepeats }) => [drift, unseenRepeats]))
      .toEqual(run!.plugins.map(() => [0, 0]));
    expect(run!.plugins.length).toBe(6);
    expect(await figures(engine, "batch")).toEqual(wanted);
    expect(await figures(engine, "merged")).toEqual(wanted);
    expect((await engine.status()).problems).toEqual([]);
  });

  it("gives every figure by SQL in the eight relations", async () => {
    expect(await relations(engine)).toEqual({
      batchUsers: [users, ratings, null],
      batchActive: mostActive,
      batchMovies: [movies, ratings],
      batchRated: mostRated,
      batchViews: 0,
      batchHours: byHourOfDay,
      streamWindows: [reference.windows, ...reference.firstWindow, ...reference.lastWindow],
      streamFullest: reference.fullestWindow,
      streamHours: [hours, days],
      streamMovies: [reference.windowsOfMovies, movies, ratings],
      streamRated: mostRated,
      streamUsers: [users, ratings],
      streamActive: mostActive.map(([user, events]) => [user, events]),
      streamViews: 0,
    });
  });

  it("changes no number when the file is replayed again", async () => {
    const again = await replay(dir);
    for (const { name } of (await engine.get<{ metrics: Row[] }>("/api/v1/metrics")).metrics) {
      await engine.metric(String(name), { wait_for: again, limit: 1 });
    }
    expect(await figures(engine, "merged")).toEqual(wanted);
    expect(await figures(engine, "speed")).toEqual(wanted);
    const run = await engine.batch();
    expect(run!.plugins.map(({ drift }) => drift)).toEqual(Array(6).fill(0));
    expect(await figures(engine, "batch")).toEqual(wanted);
    expect(await figures(engine, "merged")).toEqual(wanted);
    const { topics: [{ partitions }] } = await engine.status();
    expect(partitions.reduce((sum, of) => sum + of.repeats, 0)).toBe(ratings);
    expect(partitions.reduce((sum, of) => sum + of.events, 0)).toBe(ratings);
  });
});

/** The figures as the relations give them. */
async function relations(engine: RunningEngine) {
  const rows = async (statement: string) =>
    (await engine.sql(statement)).map((row) => Object.values(row));
  const one = async (statement: string) => (await rows(statement))[0];
  return {
    batchUsers: await one(
      "SELECT count(), sum(total_events), max(avg_duration) FROM batch_user_stats",
    ),
    batchActive: await rows(
      `SELECT user_id, total_events, movies_watched FROM batch_user_stats
       ORDER BY total_events DESC LIMIT 3`,
    ),
    batchMovies: await one("SELECT count(), sum(rating_count) FROM batch_ratings_stats"),
    batchRated: await rows(
      `SELECT movie_id, rating_count, round(avg_rating * rating_count, 6) FROM batch_ratings_stats
       ORDER BY rating_count DESC LIMIT 5`,
    ),
    batchViews: await engine.value("SELECT count() FROM batch_popular_movies"),
    batchHours: (await rows("SELECT hour, event_count FROM batch_hourly_stats ORDER BY hour"))
      .map(([, count]) => count),
    streamWindows: await one(
      `SELECT uniqExact(window_start), min(window_start), min(window_end), max(window_start),
         max(window_end) FROM stream_event_distribution`,
    ),
    streamFullest: await one(
      `SELECT window_start, sum(event_count) AS events FROM stream_event_distribution
       GROUP BY window_start ORDER BY events DESC, window_start DESC LIMIT 1`,
    ),
    streamHours: await one(
      `SELECT uniqExact(toStartOfHour(window_start)), uniqExact(toDate(window_start))
       FROM stream_event_distribution`,
    ),
    streamMovies: await one(
      "SELECT count(), uniqExact(movie_id), sum(rating_count) FROM stream_ratings",
    ),
    streamRated: await rows(
      `SELECT movie_id, sum(rating_count) AS ratings, round(sum(avg_rating * rating_count), 6)
       FROM stream_ratings GROUP BY movie_id ORDER BY ratings DESC LIMIT 5`,
    ),
    streamUsers: await one(
      "SELECT uniqExact(user_id), sum(activity_count) FROM stream_user_activity",
    ),
    streamActive: await rows(
      `SELECT user_id, sum(activity_count) AS events FROM stream_user_activity
       GROUP BY user_id ORDER BY events DESC LIMIT 3`,
    ),
    streamViews: await engine.value("SELECT count() FROM stream_movie_views"),
  };
}
