import { afterAll, beforeAll, describe, expect, fc, test } from "testing";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import { generatedSql } from "../../runtime/declaration/batch_sql.ts";
import { loadDeclarations } from "../../runtime/engine/load_plugins.ts";
import { clickHouseType } from "../../runtime/events.ts";
import { sqlText } from "../../runtime/expressions/operator.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { root } from "../support/running_engine.ts";

const RUNS = Number(Deno.env.get("TWOFOLD_LAW_RUNS") ?? 25);

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
});
