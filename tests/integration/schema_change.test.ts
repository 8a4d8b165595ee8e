import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "testing";
import { readConfig } from "../../runtime/settings/config.ts";
import { type Engine, openEngine } from "../../runtime/engine/engine.ts";
import { eventually } from "../support/eventually.ts";
import { NEVER, root } from "../support/running_engine.ts";

const PLUGIN = `
import { count, definePlugin, sum } from "twofold";
import { notes } from "./notes.schema.ts";

export default definePlugin(notes, {
  name: "every", summary: "Notes by kind",
  key: ({ kind }) => ({ sort: kind }),
  measures: ({ value, score }) => ({ n: count(), total: sum(value)MEASURES }),
});
`;

/** What a schema says of the fields that a test changes. */
interface Fields {
  readonly kinds?: string;
  readonly max?: number;
  readonly score?: string;
}

const schemaOf = ({ kinds = '"a", "b"', max = 10, score = "" }: Fields) => `
import { decimal, defineSchema, enumeration, instant, string, uint32 } from "twofold";

void uint32;
export const notes = defineSchema({
  topic: "notes", version: 1, summary: "Notes", eventId: "id", eventTime: "at", partitionKey: "id",
  fields: {
    id: string(), at: instant(), kind: enumeration([${kinds}]),
    value: decimal({ scale: 2, min: 0, max: ${max} }), ${score}
  },
});
`;

const narrow: Fields = {};
const wide: Fields = {
  kinds: '"a", "b", "c"',
  max: 20,
  score: "score: uint32({ nullable: true }),",
};

/**
 * One of six each: an event, one with a field that is declared later, one with an enum value that is,
 * one beyond the bounds of before, one whose new field is wrong, and no event at all.
 */
const note = (i: number) => {
  const at = new Date(Date.parse("2026-01-05") + 1000 * i).toISOString();
  const base = { id: `n${i}`, at, kind: i % 2 === 0 ? "a" : "b", value: i % 10 };
  const odd = [{}, { score: i }, { kind: "c" }, { value: 15 }, { score: "many" }];
  return i % 6 === 5 ? "no event" : JSON.stringify({ ...base, ...odd[i % 6] });
};

describe("a schema that changes over archived events", () => {
  let dir: string;
  let engine: Engine | undefined;

  const folder = async (name: string, fields: Fields) => {
    const at = join(dir, name);
    await Deno.mkdir(join(at, "plugins"), { recursive: true });
    await Deno.mkdir(join(at, "sql"), { recursive: true });
    await Deno.symlink(join(root, "sql", "migrations"), join(at, "sql", "migrations"));
    await Deno.writeTextFile(join(at, "plugins", "notes.schema.ts"), schemaOf(fields));
    const scored = fields.score !== undefined;
    const plugin = PLUGIN
      .replace("MEASURES", scored ? ", scores: sum(score)" : "");
    await Deno.writeTextFile(join(at, "plugins", "every.ts"), plugin);
  };
  const open = async (name: string, data: string) => {
    const flags = {
      data: join(dir, data),
      "block-size": "512",
      "batch-schedule": NEVER,
      partitions: "2",
      "block-span": "1s",
    };
    const config = readConfig({ command: "start", flags, env: {} });
    engine = await openEngine(config, { root: join(dir, name), version: "test" });
    return engine;
  };
  const close = async () => {
    await engine?.close();
    engine = undefined;
  };
  const post = async (engine: Engine, from: number, to: number) => {
    const body = Array.from({ length: to - from }, (_, i) => note(from + i) + "\n").join("");
    const bytes = new Blob([body]).stream();
    return (await engine.ingest.ingest(bytes, "ndjson", "notes")).frontier;
  };
  const ask = async (engine: Engine, layer: string) => {
    const answer = await engine.serving.query("every", { keys: {}, layer, bucket: "all" });
    const rows = answer.rows.map(({ sort, n, total, scores }) => [sort, n, total, scores]);
    return rows.sort();
  };
  const archived = async (engine: Engine) =>
    await eventually(
      "all archived",
      () => engine.status(),
      ({ topics }) =>
        topics[0].partitions.every((of) => of.archived === of.log_end && of.lag_records === 0),
    );
  const dropped = async (engine: Engine) =>
    (await engine.deadLetters.list({ limit: "1000" })).items.map(({ reason }) => reason).sort();

  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-schema-change-", dir: root });
    await folder("narrow", narrow);
    await folder("wide", wide);
  });
  afterEach(close);
  afterAll(() => Deno.remove(dir, { recursive: true }));

  /** What a process answers that knew the schema from the beginning. */
  const always = async (count: number) => {
    const engine = await open("wide", "always");
    engine.start();
    await post(engine, 0, count);
    await archived(engine);
    await engine.batch.get("notes")!.run();
    const answers = await ask(engine, "merged");
    const letters = await dropped(engine);
    await close();
    return { answers, letters };
  };

  it("gives both layers what a schema that always was so gives", async () => {
    const wanted = await always(1500);
    let engine = await open("narrow", "changed");
    engine.start();
    await post(engine, 0, 1200);
    await archived(engine);
    await engine.batch.get("notes")!.run();
    const before = await ask(engine, "merged");
    expect(before).not.toEqual(wanted.answers);
    await close();

    engine = await open("wide", "changed");
    expect(await ask(engine, "merged")).toEqual(before.map((row) => row.with(3, undefined)));
    const { problems, topics } = await engine.status();
    expect(problems.map(({ code }) => code)).toContain("redecoding");
    expect(topics[0].redecoding).toBe(0);
    await expect(engine.batch.get("notes")!.run()).rejects.toThrow(/is being decoded again/);
    expect((await engine.verification.verify()).findings).toEqual([]);
    engine.start();
    await close();
    engine = await open("wide", "changed");
    engine.start();
    await post(engine, 1200, 1500);
    await archived(engine);
    await engine.batch.get("notes")!.run();
    const answering = () => engine.serving.query("every", { keys: {} });
    await eventually("the new code answers", answering, (of) => of.rebuilding === null);
    for (const layer of ["merged", "batch", "speed"]) {
      expect([layer, await ask(engine, layer)]).toEqual([layer, wanted.answers]);
    }
    expect(await dropped(engine)).toEqual(wanted.letters);
    await eventually("no problem", () => engine.status(), ({ problems }) => problems.length === 0);
    expect((await engine.status()).topics[0].redecoding).toBe(null);
    expect((await engine.verification.verify()).findings).toEqual([]);
    await engine.batch.get("notes")!.run({ full: true });
    expect(await ask(engine, "batch")).toEqual(wanted.answers);
    const [drift] = await engine.batch.get("notes")!.drift();
    expect(drift).toMatchObject({ drift: 0, drifting_days: 0 });
  });

  it("costs nothing where it did not change", async () => {
    const engine = await open("wide", "changed");
    const names = await Array.fromAsync(engine.store.list("notes/decodings/"));
    expect(names.length).toBe(2);
    expect((await engine.status()).problems).toEqual([]);
  });
});
