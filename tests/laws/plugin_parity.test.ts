/** What authors of plugins test with: "twofold/testing". */
import { describe, expect, it } from "testing";
import { expectParity, ParityError, rowsOf } from "twofold/testing";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import ratings from "../../plugins/ratings.ts";
import { avg, count, definePlugin, last, max, uniq } from "../../runtime/twofold.ts";
import { byTier } from "../support/tier.ts";

const runs = byTier({ quick: 20, full: 300, long: 1000 });

const SQL = `SELECT toStartOfHour(event_time) AS bucket, movie_id, count() AS good_count,
  max(duration) AS longest, sum(duration) AS mean_sum, count(duration) AS mean_count
FROM events WHERE rating >= 6 GROUP BY bucket, movie_id`;

/** A metric whose batch SQL is written by hand. */
const goodMovies = (sql: string) =>
  definePlugin(movieViewing, {
    name: "good_movies",
    summary: "Good ratings per movie",
    where: ({ rating }) => rating.gte(6),
    key: ({ movie_id }) => ({ movie_id }),
    measures: ({ duration }) => ({
      good_count: count(),
      longest: max(duration),
      mean: avg(duration),
    }),
    batch: { sql },
  });

async function failureOf(parity: Promise<void>): Promise<ParityError> {
  const error = await parity.then(() => null, (error) => error);
  expect(error).toBeInstanceOf(ParityError);
  return error;
}

describe("expectParity()", () => {
  it("holds where the SQL says what the declaration says", async () => {
    await expect(expectParity(goodMovies(SQL), { runs })).resolves.toBeUndefined();
  });

  const wrongs: [what: string, right: string, wrong: string][] = [
    ["a bound that is off by one", "rating >= 6", "rating > 6"],
    ["a forgotten null", "rating >= 6", "(rating >= 6 OR rating IS NULL)"],
    ["a null that counts as 0", "count(duration)", "count(ifNull(duration, 0))"],
    ["a remainder of 7", "rating >= 6", "rating >= 6 AND movie_id % 7 != 3"],
    ["min for max", "max(duration)", "min(duration)"],
  ];
  it.each(wrongs.slice(-byTier({ quick: 1, full: 5, long: 5 })))(
    "finds %s in at most five events",
    async (_name, right, wrong) => {
      const sql = SQL.replace(right, wrong);
      expect(sql).not.toBe(SQL);
      const { events, message } = await failureOf(expectParity(goodMovies(sql), { runs: 1000 }));
      expect(events.length).toBeLessThanOrEqual(5);
      expect(message).toMatch(
        /^The layers of plugin "good_movies" differ for a stream of .+ \(seed \d+\):\n/,
      );
      // The stream fails as a test, too, and no longer once the SQL is right.
      const { speed, batch } = await rowsOf(goodMovies(sql), events);
      expect(batch).not.toEqual(speed);
      const right_ = await rowsOf(goodMovies(SQL), events);
      expect(right_.batch).toEqual(right_.speed);
    },
  );

  it("finds states that differ where what is shown does not", async () => {
    const plugin = definePlugin(movieViewing, {
      name: "viewers",
      summary: "",
      measures: ({ user_id }) => ({ viewers: uniq(user_id) }),
      batch: {
        sql: "SELECT toStartOfHour(event_time) AS bucket, " +
          "groupUniqArray(bitXor(user_id, 1)) AS viewers FROM events GROUP BY bucket",
      },
    });
    const { events } = await failureOf(expectParity(plugin, { runs: 10 }));
    expect(events.length).toBe(1);
    const { speed, batch } = await rowsOf(plugin, events);
    expect(batch).toEqual(speed);
  });

  it("takes a last value as a tuple with its event, and nothing inexact", async () => {
    const newest = (value: string) =>
      definePlugin(movieViewing, {
        name: "newest",
        summary: "",
        measures: ({ duration }) => ({ newest: last(duration) }),
        batch: {
          sql: `SELECT toStartOfHour(event_time) AS bucket, ${value} AS newest FROM events
            GROUP BY bucket`,
        },
      });
    const of = (value: string) =>
      newest(`maxIf((event_time, event_id, ${value}), isNotNull(duration))`);
    await expectParity(of("duration"), { runs });
    await expect(expectParity(newest("max(duration)"), { runs })).rejects.toThrow(
      'column "newest" must be a tuple of event time, event id and a number, got',
    );
    await expect(expectParity(of("toFloat64(duration) + 0.0001"), { runs })).rejects.toThrow(
      "column newest has a value that Tuple(DateTime64(9, 'UTC'), String, " +
        "Nullable(Decimal(18, 3))) does not hold exactly",
    );
    await expect(
      expectParity(newest("minIf((event_time, event_id, duration), isNotNull(duration))"), {
        runs: 1000,
      }),
    ).rejects.toThrow("newest");
  });

  it("finds SQL that fails for some values", async () => {
    const sql = SQL.replace("count()", "sum(toInt64(movie_id)) - 4");
    const { events, message } = await failureOf(expectParity(goodMovies(sql), { runs: 1000 }));
    expect(events.length).toBe(1);
    expect(message).toContain("column good_count has a value that UInt64 does not hold exactly");
  });

  it("repeats its streams by the seed", async () => {
    const plugin = goodMovies(SQL.replace("FROM", "FROM (SELECT * FROM events WHERE 0) AS"));
    const [first, again] = [
      await failureOf(expectParity(plugin, { seed: 7 })),
      await failureOf(expectParity(plugin, { seed: 7 })),
    ];
    expect(first.message).toContain("(seed 7)");
    expect(again.message).toBe(first.message);
  });

  it("reports SQL that the engine refuses", async () => {
    await expect(expectParity(goodMovies("SELECT 1 AS bucket"))).rejects.toThrow(
      'Cannot run the batch SQL of plugin "good_movies": column "movie_id" is missing',
    );
    await expect(expectParity(ratings, { sqlFolder: "/nowhere" })).rejects.toThrow(
      'Cannot test plugin "ratings": its batch.sql cannot be read from ' +
        "/nowhere/batch/ratings.sql; sqlFolder names the folder that holds it",
    );
  });
});

describe("rowsOf()", () => {
  const event = {
    event_id: "a",
    user_id: 1,
    movie_id: 2,
    event_type: "rating",
    timestamp: "2026-01-05T10:59:59.999999999Z",
    rating: 7.5,
  };

  it("gives the rows of both layers; a repeat counts once", async () => {
    const row = { movie_id: 2, rating_count: 1, rating_sum: 7.5, avg_rating: 7.5 };
    const later = { ...event, event_id: "b", timestamp: "2026-01-05T13:00:00+02:00", rating: 2 };
    const { speed, batch } = await rowsOf(ratings, [
      JSON.stringify(later),
      event,
      { ...event, timestamp: "2026-01-05T12:59:59.999999999+02:00" },
    ]);
    expect(batch).toEqual([
      { bucket: "2026-01-05T10:00:00Z", ...row },
      { bucket: "2026-01-05T11:00:00Z", ...row, rating_sum: 2, avg_rating: 2 },
    ]);
    expect(speed).toEqual(batch);
  });

  it("gives none of no events", async () => {
    expect(await rowsOf(ratings, [])).toEqual({ speed: [], batch: [] });
  });

  it("names an event that cannot be decoded", async () => {
    await expect(rowsOf(ratings, [event, { ...event, rating: 11 }])).rejects.toThrow(
      "Cannot decode event 1: rating must be at most 10, got 11",
    );
  });
});
