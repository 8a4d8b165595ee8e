import { join } from "node:path";
import { afterAll, describe, expect, it } from "testing";
import { moduleTexts } from "../../runtime/engine/module_texts.ts";
import { UserError } from "../../runtime/std/errors.ts";
import {
  decimal,
  defineSchema,
  enumeration,
  type Fields,
  instant,
  string,
  uint32,
} from "../../runtime/events.ts";
import { generationOf } from "../../runtime/model/generation.ts";
import {
  avg,
  count,
  definePlugin,
  type PluginDeclaration,
  sum,
  tumbling,
} from "../../runtime/plugin.ts";

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
const base: PluginDeclaration = {
  name: "stars",
  version: 1,
  summary: "Stars",
  source: defineSchema(schema),
  key: { movie: "movie" },
  measures: { n: count(), total: sum("stars") },
  derive: { mean: "total / n" },
  stream: { window: tumbling("10s"), relation: { name: "stream_stars" } },
  batch: { sql: "batch/stars.sql", grain: "hour", relation: { name: "batch_stars" } },
  present: { title: "Stars", chart: "bar", by: "movie", sort: "-n" },
};
const facts = { batchSql: SQL, decoderVersion: 1, blockSize: 512, horizon: 1024 };

type Facts = Partial<Parameters<typeof generationOf>[1]>;
const generation = (change: Partial<PluginDeclaration> = {}, more: Facts = {}) =>
  generationOf(definePlugin({ ...base, ...change }), { ...facts, ...more });
const withSchema = (change: Partial<typeof schema>) =>
  generation({ source: defineSchema({ ...schema, ...change }) });
const withFields = (change: Fields) =>
  withSchema({ fields: { ...fields, ...change } as unknown as typeof fields });

const where = (event: Readonly<Record<string, unknown>>) => Number(event.stars) > 5;
const computed = { band: { type: uint32(), of: () => 1 }, movie: "movie" };
const helpers = { "plugins/lib.ts": "export const least = 5;" };
const otherHelpers = { "plugins/lib.ts": "export const least = 2;" };

describe("generationOf() keeps the generation", () => {
  const same: readonly (readonly [string, string, string?])[] = [
    ["the plugin's summary", generation({ summary: "Other" })],
    ["title, chart and order", generation({ present: { ...base.present, title: "T", sort: "n" } })],
    [
      "the name of a relation",
      generation({ stream: { ...base.stream, relation: { name: "stream_other" } } }),
    ],
    [
      "a relation's column names",
      generation({
        batch: { ...base.batch, relation: { name: "batch_stars", columns: { ratings: "n" } } },
      }),
    ],
    ["a merged relation", generation({ merged: { relation: { name: "all_stars" } } })],
    ["a derived column, which is computed on reading", generation({ derive: { half: "n / 2" } })],
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
    ["the text of a filter", generation({ where: () => true }), generation({ where })],
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
    ["a key", generation({ key: { type: "type" }, present: { ...base.present, by: "type" } })],
    ["a measure", generation({ measures: { n: count(), total: avg("stars") }, derive: {} })],
    ["the window", generation({ stream: { ...base.stream, window: tumbling("1m") } })],
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
  const texts = () => moduleTexts(root, join(root, "plugins/stars.ts"));

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
