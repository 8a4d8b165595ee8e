import { join } from "node:path";
import { afterAll, describe, expect, it } from "testing";
import { moduleTexts } from "../../runtime/model/module_texts.ts";
import { UserError } from "../../runtime/std/errors.ts";
import {
  boolean,
  decimal,
  defineSchema,
  enumeration,
  type Fields,
  instant,
  string,
  uint32,
} from "../../runtime/events.ts";
import { generationOf } from "../../runtime/model/generation.ts";
import { definePlugin } from "../../runtime/define_plugin.ts";
import { compute } from "../../runtime/expressions/mod.ts";
import { avg, count, type PluginDeclaration, sum, tumbling } from "../../runtime/plugin.ts";

const fields = {
  id: string(),
  at: instant(),
  movie: uint32({ summary: "A movie" }),
  type: enumeration(["view", "rating"]),
  stars: decimal({ scale: 2, min: 0, max: 10, nullable: true }),
};
const schema = {
  topic: "viewings",
  version: 1,
  summary: "Viewings",
  eventId: "id",
  eventTime: "at",
  partitionKey: "movie",
  fields,
};
const SQL =
  "SELECT toStartOfHour(event_time) AS bucket, movie, count() AS n, sum(stars) AS total " +
  "FROM events WHERE type != 'a  b' GROUP BY bucket, movie";
const source = defineSchema(schema);
type Declaration = PluginDeclaration<typeof source>;
const base: Declaration = {
  name: "stars",
  summary: "Stars",
  key: ({ movie }) => ({ movie }),
  measures: ({ stars }) => ({ n: count(), total: sum(stars) }),
  derive: ({ total, n }) => ({ mean: total.per(n) }),
  batch: { sql: "batch/stars.sql" },
};
const facts = { batchSql: SQL, decoderVersion: 1, blockSize: 512, horizon: 1024 };

type Facts = Partial<Parameters<typeof generationOf>[1]>;
const generation = (change: Partial<Declaration> = {}, more: Facts = {}, of = source) =>
  generationOf(definePlugin(of, { ...base, ...change }), { ...facts, ...more });
const withSchema = (change: Partial<typeof schema>) =>
  generation({}, {}, defineSchema({ ...schema, ...change }) as typeof source);
const withFields = (change: Fields) =>
  withSchema({ fields: { ...fields, ...change } as unknown as typeof fields });

/** A filter by a function, which has a text. */
const where = () => compute(boolean(), (event: { stars: number }) => event.stars > 5, { sql: "1" });
const computed: Declaration["key"] = ({ movie }) => ({
  movie,
  band: compute(uint32(), () => 1, { sql: "1" }),
});
/** The same by an expression. */
const above = (stars: number): Declaration["where"] => (fields) => fields.stars.gt(stars);
const helpers = { "plugins/lib.ts": "export const least = 5;" };
const otherHelpers = { "plugins/lib.ts": "export const least = 2;" };

describe("generationOf() keeps the generation", () => {
  const same: readonly (readonly [string, string, string?])[] = [
    ["the plugin's summary", generation({ summary: "Other" })],
    ["title, chart and order", generation({ present: { title: "T", chart: "line", sort: "n" } })],
    [
      "the name of a relation",
      generation({ stream: { relation: { name: "stream_other" } } }),
    ],
    [
      "a relation's column names",
      generation({
        batch: { ...base.batch, relation: { name: "batch_stars", columns: { ratings: "n" } } },
      }),
    ],
    ["a merged relation", generation({ merged: { relation: { name: "all_stars" } } })],
    [
      "a derived column, which is computed on reading",
      generation({ derive: ({ n }) => ({ half: n.per(2) }) }),
    ],
    ["a field's summary", withFields({ movie: uint32({ summary: "The movie" }) })],
    ["the schema's summary", withSchema({ summary: "Other" })],
    [
      "the order of the schema's fields",
      withSchema({ fields: Object.fromEntries(Object.entries(fields).reverse()) as typeof fields }),
    ],
    ["the field that producers key by", withSchema({ partitionKey: "id" })],
    ["the file of the batch SQL", generation({ batch: { ...base.batch, sql: "batch/other.sql" } })],
    [
      "white space and comments of the batch SQL",
      generation({}, {
        batchSql: ` ${SQL.replace(" FROM", " -- it's one\n\t/* 'two' */ FROM")} # three`,
      }),
    ],
    ["modules of a plugin without functions", generation({}, { modules: helpers })],
    [
      "the same modules in another order",
      generation({ where }, { modules: { a: "1", b: "2" } }),
      generation({ where }, { modules: { b: "2", a: "1" } }),
    ],
  ];
  it.each(same)("when only this differs: %s", (_what, changed, from = generation()) => {
    expect(changed).toBe(from);
  });
});

describe("generationOf() makes a new generation", () => {
  const other: readonly (readonly [string, string, string?])[] = [
    ["the version", generation({ version: 2 })],
    ["a filter", generation({ where })],
    [
      "the text of a function",
      generation({ where: () => compute(boolean(), () => true, { sql: "1" }) }),
      generation({ where }),
    ],
    ["a constant of a filter", generation({ where: above(5) }), generation({ where: above(6) })],
    [
      "an operator of a key",
      generation({ key: ({ stars }) => ({ movie: stars.coalesce(0).floor() }) }),
      generation({ key: ({ stars }) => ({ movie: stars.coalesce(0).ceil() }) }),
    ],
    [
      "a helper that the filter calls",
      generation({ where }, { modules: helpers }),
      generation({ where }, { modules: otherHelpers }),
    ],
    [
      "a helper that a computed key calls",
      generation({ key: computed }, { modules: helpers }),
      generation({ key: computed }, { modules: otherHelpers }),
    ],
    ["a key", generation({ key: ({ type }) => ({ type }) })],
    [
      "a measure",
      generation({
        measures: ({ stars }) => ({ n: count(), total: avg(stars) }),
        derive: undefined,
      }),
    ],
    ["the window", generation({ stream: { window: tumbling("1m") } })],
    ["the grain", generation({ batch: { ...base.batch, grain: "day" } })],
    ["the batch SQL", generation({}, { batchSql: SQL.replace("count()", "sum(1)") })],
    ["a space in a literal of it", generation({}, { batchSql: SQL.replace("a  b", "a b") })],
    ["the decoder", generation({}, { decoderVersion: 2 })],
    ["the decoding of the archive", generation({}, { decoding: "1_0f3a9c2e" })],
    ["the block size", generation({}, { blockSize: 1024 })],
    ["the horizon", generation({}, { horizon: 2048 })],
    ["the schema's version", withSchema({ version: 2 })],
    ["the event id", withFields({ id: string({ maxBytes: 8 }) })],
    ["a field", withFields({ user: uint32() })],
    [
      "a field's bounds",
      withFields({ stars: decimal({ scale: 2, min: 0, max: 5, nullable: true }) }),
    ],
    [
      "whether a field may be null",
      withFields({ type: enumeration(["view", "rating"], { nullable: true }) }),
    ],
    ["the order of an enumeration", withFields({ type: enumeration(["rating", "view"]) })],
  ];
  it.each(other)("when this differs: %s", (_what, changed, from = generation()) => {
    expect(changed).not.toBe(from);
  });
});

describe("moduleTexts()", () => {
  const root = Deno.makeTempDirSync({ prefix: "modules-" });
  afterAll(() => Deno.removeSync(root, { recursive: true }));
  const write = (name: string, text: string) => {
    Deno.mkdirSync(join(root, name, ".."), { recursive: true });
    Deno.writeTextFileSync(join(root, name), text);
  };
  const schemaModule = "export const viewings = { topic: 'viewings', fieldNames: [] };\n";
  const texts = () => moduleTexts(root, "plugins/stars.ts");

  it("follows relative imports of values, and leaves out schemas, islands and packages", async () => {
    write(
      "plugins/stars.ts",
      `import { definePlugin } from "twofold";
import type { Only } from "./types.ts";
import {
  viewings,
} from "./viewings.schema.ts";
import Stars from "../islands/Stars.tsx";
import "./effect.ts";
export { least } from "../lib/least.ts";
const late = () => import("./late.ts");
// import { gone } from "./gone.ts";
`,
    );
    write("plugins/viewings.schema.ts", schemaModule);
    write("plugins/effect.ts", `import "./stars.ts";\n`);
    write("plugins/late.ts", "export const late = 1;\n");
    write("lib/least.ts", `export * from "./deeper.ts";\n`);
    write("lib/deeper.ts", "export const least = 5;\n");
    const found = await texts();
    expect(Object.keys(found).sort()).toEqual([
      "lib/deeper.ts",
      "lib/least.ts",
      "plugins/effect.ts",
      "plugins/late.ts",
      "plugins/stars.ts",
    ]);
    expect(found["lib/deeper.ts"]).toBe("export const least = 5;\n");
  });

  it("takes in a schema's module that exports more than schemas", async () => {
    write("plugins/stars.ts", `import { least } from "./limits.schema.ts";\n`);
    write("plugins/limits.schema.ts", `${schemaModule}export const least = 5;\n`);
    expect(Object.keys(await texts())).toContain("plugins/limits.schema.ts");
  });

  it("names a module that cannot be read and the one that imports it", async () => {
    write("plugins/stars.ts", `import { least } from "./gone.ts";\n`);
    const error = await texts().then(() => null, (error) => error);
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toBe(
      "Cannot load plugins/stars.ts: it imports plugins/gone.ts, which cannot be read",
    );
  });
});
