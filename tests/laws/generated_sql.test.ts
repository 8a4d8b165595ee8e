import { afterAll, beforeAll, describe, expect, fc, test } from "testing";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import { generatedSql } from "../../runtime/declaration/batch_sql.ts";
import { loadDeclarations } from "../../runtime/engine/load_plugins.ts";
import { definePlugin } from "../../runtime/define_plugin.ts";
import { clickHouseType } from "../../runtime/events.ts";
import { sqlText } from "../../runtime/expressions/operator.ts";
import { avg, count, max, quantile, sum, uniq } from "../../runtime/plugin.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { root } from "../support/running_engine.ts";
import { byTier } from "../support/tier.ts";

const RUNS = byTier({ quick: 25, full: 100, long: 500 });

const dir = Deno.makeTempDirSync({ prefix: "generated-sql-" });
let warehouse: Warehouse;
beforeAll(async () => {
  warehouse = await openEmbeddedWarehouse({ dir, database: "generated", memoryLimitBytes: 1e9 });
});
afterAll(async () => {
  await warehouse.close();
  await Deno.remove(dir, { recursive: true });
});

const event = fc.record({
  event_id: fc.string({ maxLength: 4 }),
  user_id: fc.nat(3),
  movie_id: fc.nat(3),
  event_type: fc.constantFrom("view", "pause", "resume", "complete", "rating"),
  timestamp: fc.integer({ min: 0, max: 7 }).map((half) =>
    `2026-01-05 ${String(10 + Math.floor(half / 2))}:${
      half % 2 === 0 ? "00:00" : "59:59.999999999"
    }`
  ),
  duration: fc.option(fc.integer({ min: -9000, max: 9000 }).map((ms) => ms / 1000)),
  rating: fc.option(fc.integer({ min: 0, max: 1000 }).map((hundredths) => hundredths / 100)),
});

/** The rows of batch SQL over some events, in one order. */
async function rowsOf(sql: string, events: readonly object[]): Promise<unknown> {
  const structure = Object.entries(movieViewing.fields).map(([name, field]) =>
    `${name} ${clickHouseType(field)}`
  );
  const columns = structure.join(", ");
  const rows = await warehouse.query<Record<string, unknown>>(
    `WITH events AS (
  SELECT *, timestamp AS event_time FROM format(JSONEachRow, ${sqlText(columns)}, {data:String})
) SELECT * FROM (
${sql}
)`,
    { params: { data: events.map((each) => JSON.stringify(each)).join("\n") } },
  );
  return rows.map((row) =>
    JSON.stringify(
      Object.entries(row).sort().map(([name, value]) => [
        name,
        Array.isArray(value) ? value.sort() : value,
      ]),
    )
  ).sort();
}

const own = (await loadDeclarations(root)).plugins.filter(({ plugin }) =>
  plugin.batch.sql.endsWith(".sql")
);

describe("the SQL that follows from a declaration", () => {
  test("is there for the four metrics that bring theirs", () => {
    expect(own.map(({ plugin }) => plugin.name)).toEqual(
      ["hourly_stats", "popular_movies", "ratings", "user_stats"],
    );
  });

  test.each(own.map((loaded) => [loaded.plugin.name, loaded] as const))(
    "gives what the file of %s gives",
    async (_name, { plugin, batchSql }) => {
      const generated = generatedSql({ ...plugin, grain: plugin.batch.grain });
      await fc.assert(
        fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 30 }), async (events) => {
          expect(await rowsOf(generated, events)).toEqual(await rowsOf(batchSql, events));
        }),
        { numRuns: RUNS },
      );
    },
  );

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
          typical: quantile(rating, 0.5, viewed),
        };
      },
    });
    const byHand = `SELECT toStartOfHour(event_time) AS bucket, movie_id,
  countIf(event_type = 'view') AS views, countIf(duration >= 5) AS long,
  sumIf(duration, event_type = 'view') AS watched,
  maxOrNullIf(rating, rating < 9 OR event_type = 'rating') AS best,
  sumIf(rating, event_type = 'view') AS mean_sum,
  countIf(rating, event_type = 'view') AS mean_count,
  groupUniqArrayIf(user_id, event_type = 'view') AS viewers
FROM events GROUP BY bucket, movie_id`;
    const names = ["bucket", "movie_id", "views", "long", "watched", "best", "mean_sum"];
    const shown = [...names, "mean_count", "viewers"].map((name) =>
      /^(watched|mean_sum)$/.test(name) ? `ifNull(${name}, 0) AS ${name}` : name
    ).join(", ");
    const compared = (sql: string) => `SELECT ${shown} FROM (${sql})`;
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 30 }), async (events) => {
        expect(await rowsOf(compared(plugin.batch.sql), events))
          .toEqual(await rowsOf(compared(byHand), events));
      }),
      { numRuns: RUNS },
    );
  });
});
