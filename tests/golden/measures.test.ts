/** Measures over real ratings, as the speed layer computes them, against ClickHouse's own functions. */
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { defineSchema, instant, integer, string, uint32 } from "../../runtime/events.ts";
import { fieldsOf } from "../../runtime/expressions/expression.ts";
import type { NumberExpression } from "../../runtime/expressions/typed.ts";
import type { CellStates, ShownValue, StateOf } from "../../runtime/measures/measure.ts";
import { allocateColumns, type Columns } from "../../runtime/model/columns.ts";
import {
  approxUniq,
  columnsOfMeasures,
  first,
  histogram,
  last,
  type Measure,
  quantiles,
  stddev,
  variance,
} from "../../runtime/plugin.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { openEmbeddedWarehouse } from "../../runtime/warehouse/embedded_warehouse.ts";
import { assertRatings, ratingsFile } from "../support/movietweetings.ts";

const source = defineSchema({
  topic: "ratings",
  version: 1,
  summary: "",
  eventId: "id",
  eventTime: "at",
  partitionKey: "user",
  fields: {
    id: string(),
    at: instant(),
    user: uint32(),
    movie: uint32(),
    rating: integer({ min: 0, max: 10 }),
    seconds: integer({ min: 0, max: 2 ** 32 }),
  },
});

const field = (name: string) => fieldsOf(source)[name] as unknown as NumberExpression;

const BLOCK = 10_000;
const QS = [0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999, 1];

const dir = Deno.makeTempDirSync({ prefix: "golden-measures-" });
let warehouse: Warehouse;
let rows: readonly (readonly number[])[];

beforeAll(async () => {
  await assertRatings();
  const lines = (await Deno.readTextFile(ratingsFile)).trim().split("\n");
  rows = lines.map((line) => line.split("::").map(Number));
  warehouse = await openEmbeddedWarehouse({ dir, database: "golden", memoryLimitBytes: 1e9 });
  await warehouse.command(
    "CREATE TABLE ratings (user UInt32, movie UInt32, rating Int64, seconds Int64) ENGINE = Memory",
  );
  await warehouse.command(
    `INSERT INTO ratings SELECT * FROM
format(CSV, 'user UInt32, movie UInt32, rating Int64, seconds Int64', {data:String})`,
    { params: { data: rows.join("\n") } },
  );
});
afterAll(async () => {
  await warehouse.close();
  await Deno.remove(dir, { recursive: true });
});

/** What SQL shows of a measure that batch SQL builds over all ratings. */
async function shownBySql(measure: Measure): Promise<unknown> {
  const { measureColumns: [column], shownColumns: [shown] } = columnsOfMeasures({
    source,
    measures: { of: measure },
  });
  const [row] = await warehouse.query(
    `SELECT ${shown.sql} AS shown FROM (SELECT ${column.buildSql()} AS of FROM ratings) AS merged`,
  );
  return row.shown;
}

/** What number measures show after all ratings. */
const shownOf = (measures: Readonly<Record<string, Measure>>) =>
  shownByCell(measures, () => 0)[0] as Record<string, number | null>;

/**
 * What measures show of each cell after all ratings, counted in blocks and merged.
 *
 * @param cellOf the cell of a rating.
 * @param unitSeconds what event times are rounded down to.
 */
function shownByCell(
  measures: Readonly<Record<string, Measure>>,
  cellOf: (row: readonly number[]) => number,
  unitSeconds = 1,
): Record<string, ShownValue>[] {
  const { measureColumns, shownColumns } = columnsOfMeasures({ source, measures });
  const columns = allocateColumns(source, BLOCK);
  const adders = measureColumns.map((column) => column.adder(columns));
  const cells = rows.map(cellOf);
  const count = Math.max(...cells) + 1;
  const blocks: CellStates[][] = [];
  for (let start = 0; start < rows.length; start += BLOCK) {
    const block = rows.slice(start, start + BLOCK);
    fill(columns, block, unitSeconds);
    blocks.push(measureColumns.map((column, i) => {
      const states = column.allocate(1);
      states.grow(count);
      adders[i].add(states, Int32Array.from(cells.slice(start)), 0, block.length);
      return states;
    }));
  }
  return Array.from({ length: count }, (_, cell) => {
    const merged = new Map<string, unknown>(
      measureColumns.map((column, i) => [
        column.name,
        column.merge(blocks.map((of) => of[i].of(cell))),
      ]),
    );
    const stateOf: StateOf = <State>({ name }: { name: string }) => merged.get(name) as State;
    return Object.fromEntries(shownColumns.map(({ name, of }) => [name, of!(stateOf)]));
  });
}

/** Puts ratings into columns; the id of an event is `user:movie`. */
function fill(columns: Columns, block: typeof rows, unitSeconds: number): void {
  for (const [i, name] of ["user", "movie", "rating", "seconds"].entries()) {
    block.forEach((row, at) => columns.fields[name].values[at] = row[i]);
  }
  const { values: starts, ends } = columns.fields.id;
  let bytes = "";
  for (const [at, [user, movie, , seconds]] of block.entries()) {
    columns.eventMs[at] = Math.floor(seconds / unitSeconds) * unitSeconds * 1000;
    starts[at] = bytes.length;
    bytes += `${user}:${movie}`;
    ends![at] = bytes.length;
  }
  columns.bytes = new TextEncoder().encode(bytes);
}

const oneRow = async (columns: string) =>
  (await warehouse.query(`SELECT ${columns} FROM ratings`))[0];

describe("measures over real ratings", () => {
  it("quantiles of a small range are those of quantileExact", async () => {
    const wanted = await oneRow(
      QS.map((q, i) => `toFloat64(quantileExact(${q})(rating)) AS q${i}`).join(", "),
    );
    expect(Object.values(shownOf({ of: quantiles(field("rating"), QS) }))).toEqual(
      Object.values(wanted),
    );
  });

  it.each(["user", "movie", "rating", "seconds"])(
    "variance and stddev of %s are those of varPop and stddevPop",
    async (name) => {
      const wanted = await oneRow(`varPop(${name}) AS variance, stddevPop(${name}) AS deviation`);
      const found = shownOf({ variance: variance(field(name)), deviation: stddev(field(name)) });
      for (const [shown, value] of Object.entries(wanted)) {
        // ClickHouse sums floats up: its last digits depend on the order.
        expect(Math.abs(found[shown]! / Number(value) - 1)).toBeLessThan(1e-9);
      }
    },
  );

  it.each(["user", "movie", "rating", "seconds"])(
    "approxUniq of %s is that of SQL, and at most 5 % off",
    async (name) => {
      const { n } = await oneRow(`uniqExact(${name}) AS n`);
      const { of } = shownOf({ of: approxUniq(field(name)) });
      expect(of).toBe(await shownBySql(approxUniq(field(name))));
      // Three standard errors of 1.6 %.
      expect(Math.abs(of! / Number(n) - 1)).toBeLessThan(0.05);
    },
  );

  // Within a day the id decides for most movies.
  it.each([1, 86_400])(
    "first and last of each movie are those of argMin and argMax, to %d s",
    async (unit) => {
      const order = `(intDiv(seconds, ${unit}), concat(toString(user), ':', toString(movie)))`;
      const wanted = await warehouse.query(
        `SELECT argMin(rating, ${order}) AS first_rating, argMax(rating, ${order}) AS last_rating,
  argMin(user, ${order}) AS first_user, argMax(user, ${order}) AS last_user
FROM ratings GROUP BY movie ORDER BY movie`,
      );
      const movies = [...new Set(rows.map(([, movie]) => movie))].sort((a, b) => a - b);
      const cells = new Map(movies.map((movie, cell) => [movie, cell]));
      const rating = field("rating");
      const found = shownByCell(
        {
          first_rating: first(rating),
          last_rating: last(rating),
          first_user: first(field("user")),
          last_user: last(field("user")),
        },
        ([, movie]) => cells.get(movie)!,
        unit,
      );
      expect(found).toEqual(wanted);
    },
  );

  it("a histogram counts what lies between its bounds", async () => {
    const wanted = await oneRow(
      `countIf(rating < 5) AS of_0, countIf(rating >= 5 AND rating < 7.5) AS of_1,
countIf(rating >= 7.5 AND rating < 10) AS of_2, countIf(rating >= 10) AS of_3`,
    );
    expect(shownOf({ of: histogram(field("rating"), [5, 7.5, 10]) })).toEqual(wanted);
  });

  it.each(["user", "movie", "seconds"])("quantiles of %s are at most 1 % off", async (name) => {
    const wanted = Object.values(
      await oneRow(
        QS.map((q, i) => `toFloat64(quantileExact(${q})(${name})) AS q${i}`).join(", "),
      ),
    ) as number[];
    const found = Object.values(shownOf({ of: quantiles(field(name), QS) })) as number[];
    const errors = found.map((value, i) => Math.abs(value - wanted[i]) / wanted[i]);
    expect(errors.length).toBe(QS.length);
    expect(Math.max(...errors)).toBeLessThanOrEqual(0.01);
  });
});
