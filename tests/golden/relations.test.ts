import { afterAll, beforeAll, describe, expect, it } from "testing";
import { type Engine } from "../../runtime/engine/engine.ts";
import { openTestEngine } from "../support/test_engine.ts";

/** Twelve events: two hours, a window edge, nulls, a retry in other words, a late one, a fault. */
const events = `
{"event_id":"1","user_id":7,"movie_id":1,"event_type":"view","timestamp":"2024-03-01T10:00:00Z"}
{"event_id":"2","user_id":7,"movie_id":1,"event_type":"pause","timestamp":"2024-03-01T10:00:09.999Z"}
{"event_id":"3","user_id":7,"movie_id":1,"event_type":"resume","timestamp":"2024-03-01T10:00:10Z"}
{"event_id":"4","user_id":7,"movie_id":1,"event_type":"complete","timestamp":"2024-03-01T10:00:10Z","duration":5400.5}
{"event_id":"5","user_id":7,"movie_id":1,"event_type":"rating","timestamp":"2024-03-01T10:00:11Z","rating":7.25}
{"event_id":"6","user_id":8,"movie_id":2,"event_type":"view","timestamp":"2024-03-01T10:00:01Z","duration":null,"rating":null}
{"event_id":"7","user_id":8,"movie_id":1,"event_type":"complete","timestamp":"2024-03-01T11:30:00Z","duration":100}
{"event_id":"8","user_id":8,"movie_id":1,"event_type":"rating","timestamp":"2024-03-01T11:30:00Z","rating":10}
{"event_id":"1","user_id":7,"movie_id":1,"event_type":"view","timestamp":"2024-03-01T12:00:00.000+02:00"}
{"event_id":"9","user_id":8,"movie_id":2,"event_type":"rating","timestamp":"2024-02-27T23:59:59.999999999Z","rating":0}
{"event_id":"10","user_id":8,"movie_id":2,"event_type":"rating","timestamp":"2024-03-01T11:30:00Z","rating":11}
{"event_id":"11","user_id":8,"movie_id":3,"event_type":"view","timestamp":"2024-03-01T11:30:00Z"}
`.trim();

/** The eight relations after these events. */
const golden: Record<string, string> = {
  batch_user_stats: `
    user_id total_events movies_watched avg_duration
    7       5            1              5400.5
    8       5            3              100`,
  batch_popular_movies: `
    movie_id view_count
    1        1
    2        1
    3        1`,
  batch_ratings_stats: `
    movie_id avg_rating rating_count
    1        8.625      2
    2        0          1`,
  batch_hourly_stats: `
    hour event_count
    10   6
    11   3
    23   1`,
  stream_movie_views: `
    window_start         window_end           movie_id view_count
    2024-03-01T10:00:00Z 2024-03-01T10:00:10Z 1        1
    2024-03-01T10:00:00Z 2024-03-01T10:00:10Z 2        1
    2024-03-01T11:30:00Z 2024-03-01T11:30:10Z 3        1`,
  stream_user_activity: `
    window_start         window_end           user_id activity_count
    2024-02-27T23:59:50Z 2024-02-28T00:00:00Z 8       1
    2024-03-01T10:00:00Z 2024-03-01T10:00:10Z 7       2
    2024-03-01T10:00:00Z 2024-03-01T10:00:10Z 8       1
    2024-03-01T10:00:10Z 2024-03-01T10:00:20Z 7       3
    2024-03-01T11:30:00Z 2024-03-01T11:30:10Z 8       3`,
  stream_event_distribution: `
    window_start         window_end           event_type event_count
    2024-02-27T23:59:50Z 2024-02-28T00:00:00Z rating     1
    2024-03-01T10:00:00Z 2024-03-01T10:00:10Z view       2
    2024-03-01T10:00:00Z 2024-03-01T10:00:10Z pause      1
    2024-03-01T10:00:10Z 2024-03-01T10:00:20Z resume     1
    2024-03-01T10:00:10Z 2024-03-01T10:00:20Z complete   1
    2024-03-01T10:00:10Z 2024-03-01T10:00:20Z rating     1
    2024-03-01T11:30:00Z 2024-03-01T11:30:10Z view       1
    2024-03-01T11:30:00Z 2024-03-01T11:30:10Z complete   1
    2024-03-01T11:30:00Z 2024-03-01T11:30:10Z rating     1`,
  stream_ratings: `
    window_start         window_end           movie_id avg_rating rating_count
    2024-02-27T23:59:50Z 2024-02-28T00:00:00Z 2        0          1
    2024-03-01T10:00:10Z 2024-03-01T10:00:20Z 1        7.25       1
    2024-03-01T11:30:00Z 2024-03-01T11:30:10Z 1        10         1`,
};

describe("the eight relations of the movie example", () => {
  let engine: Engine;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ engine, close } = await openTestEngine());
    const answer = await engine.ingest.ingest(new Blob([events]).stream(), "ndjson");
    expect(answer.accepted).toBe(11);
    expect(answer.rejected).toEqual([
      { line: 11, field: "rating", reason: "rating must be at most 10, got 11" },
    ]);
    // Batch covers closed blocks: a tick closes those that are open.
    const log = engine.logs.get("movie-viewing-events")!;
    for (let p = 0; p < log.partitionCount(); p++) await log.appendTick(p);
    await engine.serving.query("user_stats", { wait_for: answer.frontier, keys: {} });
    await reachesBatch(engine, answer.frontier);
  });
  afterAll(() => close());

  for (const [relation, table] of Object.entries(golden)) {
    it(`${relation} has the columns and rows that people's queries expect`, async () => {
      const [head, ...lines] = table.trim().split("\n").map((line) => line.trim().split(/ +/));
      const rows = await engine.warehouse.query(
        `SELECT * FROM ${relation} ORDER BY ${head.map((_, i) => i + 1).join(", ")}`,
      );
      expect(Object.keys(rows[0])).toEqual(head);
      expect(rows.map((row) => Object.values(row).map(String))).toEqual(lines);
    });
  }

  it("the merged view says the same as the batch once everything is in it", async () => {
    const [merged, batch] = await Promise.all([
      engine.warehouse.query("SELECT * FROM merged_popular_movies ORDER BY movie_id"),
      engine.warehouse.query("SELECT * FROM batch_popular_movies ORDER BY movie_id"),
    ]);
    expect(merged).toEqual(batch);
  });
});

/** Runs the batch until it covers a frontier. */
async function reachesBatch(engine: Engine, frontier: string): Promise<void> {
  const [batch] = engine.batch.values();
  for (let attempt = 0; attempt < 50; attempt++) {
    await batch.run();
    const query = { layer: "batch", wait_for: frontier, keys: {} };
    const reached = await engine.serving.query("user_stats", query).then(() => true, () => false);
    if (reached) return;
  }
  throw new Error("the batch layer did not come as far as the events");
}
