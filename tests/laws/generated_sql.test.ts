import { afterAll, beforeAll, describe, expect, test } from "testing";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import { generatedSql } from "../../runtime/declaration/batch_sql.ts";
import { definePlugin } from "../../runtime/define_plugin.ts";
import { loadDeclarations } from "../../runtime/engine/load_plugins.ts";
import { pluginFolders } from "../../runtime/engine/plugin_folders.ts";
import { avg, count, first, last, max, quantile, sum, uniq } from "../../runtime/plugin.ts";
import { Laboratory } from "../../runtime/testing/laboratory.ts";
import { checkParity } from "../../runtime/testing/parity.ts";
import { root } from "../support/running_engine.ts";
import { byTier } from "../support/tier.ts";

const runs = byTier({ quick: 10, full: 100, long: 500 });

let laboratory: Laboratory;
beforeAll(async () => {
  laboratory = await Laboratory.open();
});
afterAll(() => laboratory.close());

const own = (await loadDeclarations(pluginFolders(root))).plugins.filter(({ plugin }) =>
  plugin.batch.sql.endsWith(".sql")
);

describe("the SQL that follows from a declaration", () => {
  test("is there for the four metrics that bring theirs", () => {
    expect(own.map(({ plugin }) => plugin.name)).toEqual(
      ["hourly_stats", "popular_movies", "ratings", "user_stats"],
    );
  });

  test.each(own.map((loaded) => [loaded.plugin.name, loaded] as const))(
    "gives what the file of %s gives, and the speed layer",
    async (_name, { plugin, batchSql }) => {
      const generated = generatedSql({ ...plugin, grain: plugin.batch.grain });
      expect(generated).not.toBe(batchSql);
      for (const sql of [generated, batchSql]) {
        await checkParity(laboratory, { plugin, batchSql: sql }, { runs });
      }
    },
  );

  test("reads the events' columns where measures have their names", async () => {
    const plugin = definePlugin(movieViewing, {
      name: "named_alike",
      summary: "",
      key: ({ movie_id }) => ({ movie_id }),
      measures: ({ duration }) => ({ event_time: count(), event_id: last(duration) }),
    });
    expect(plugin.batch.sql).toContain("toStartOfHour(events.event_time) AS bucket");
    await checkParity(laboratory, { plugin, batchSql: plugin.batch.sql }, { runs: 10 });
  });

  test("takes the events of each measure that meet its condition", async () => {
    const plugin = definePlugin(movieViewing, {
      name: "conditions",
      summary: "",
      key: ({ movie_id }) => ({ movie_id }),
      measures: ({ event_type, duration, rating, user_id }) => {
        const viewed = { where: event_type.eq("view") };
        return {
          views: count(viewed),
          long: count({ where: duration.gte(5) }),
          watched: sum(duration, viewed),
          best: max(rating, { where: rating.lt(9).or(event_type.eq("rating")) }),
          mean: avg(rating, viewed),
          viewers: uniq(user_id, viewed),
          began: first(event_type, { where: duration.gte(5) }),
          ended: last(rating, viewed),
          typical: quantile(rating, 0.5, viewed),
        };
      },
    });
    // The buckets of a quantile are too long to write by hand.
    const typical = plugin.measureColumns.at(-1)!;
    const byHand = `SELECT toStartOfHour(event_time) AS bucket, movie_id,
  countIf(event_type = 'view') AS views, countIf(duration >= 5) AS long,
  sumIf(duration, event_type = 'view') AS watched,
  maxOrNullIf(rating, rating < 9 OR event_type = 'rating') AS best,
  sumIf(rating, event_type = 'view') AS mean_sum,
  countIf(rating, event_type = 'view') AS mean_count,
  groupUniqArrayIf(user_id, event_type = 'view') AS viewers,
  minIf((event_time, event_id, toNullable(event_type)), duration >= 5) AS began,
  maxIf((timestamp, event_id, rating), event_type = 'view' AND isNotNull(rating)) AS ended,
  ${typical.buildSql("event_type = 'view'")} AS ${typical.name}
FROM events GROUP BY bucket, movie_id`;
    expect(byHand).not.toBe(plugin.batch.sql);
    for (const batchSql of [plugin.batch.sql, byHand]) {
      await checkParity(laboratory, { plugin, batchSql }, { runs });
    }
  });
});
