import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { type Engine } from "../../runtime/engine/engine.ts";
import { UserError } from "../../runtime/std/errors.ts";
import { copy } from "../support/parity/copy_tree.ts";
import { openTestEngine, projectRoot } from "../support/test_engine.ts";

/** Below the project, so that "twofold" means what it means there. */
const root = join(projectRoot, "dist", "examples");

const movies = `
{"event_id":"1","user_id":7,"movie_id":1,"event_type":"complete","timestamp":"2024-03-01T10:00:00Z","duration":90.5}
{"event_id":"2","user_id":8,"movie_id":1,"event_type":"complete","timestamp":"2024-03-02T10:00:00Z","duration":80}
{"event_id":"2","user_id":8,"movie_id":1,"event_type":"complete","timestamp":"2024-03-02T10:00:00Z","duration":80}
{"event_id":"3","user_id":8,"movie_id":2,"event_type":"complete","timestamp":"2024-03-02T10:00:00Z"}
{"event_id":"4","user_id":8,"movie_id":2,"event_type":"view","timestamp":"2024-03-02T10:00:00Z"}`;
const completions = [
  { movie_id: 1, completion_count: 2, longest_seconds: 90.5 },
  { movie_id: 2, completion_count: 1, longest_seconds: null },
];

describe("the example, as a file of plugins/", () => {
  let engine: Engine;
  let close: () => Promise<void>;

  beforeAll(async () => {
    await Deno.remove(root, { recursive: true }).catch(() => {});
    for (const folder of ["plugins", "islands", "sql", "examples"]) {
      const to = new URL(`file://${root}/${folder === "examples" ? "plugins" : folder}/`);
      await copy(new URL(`file://${projectRoot}${folder}/`), to);
    }
    ({ engine, close } = await openTestEngine({ root }));
  });
  afterAll(async () => {
    await close();
    await Deno.remove(root, { recursive: true });
  });

  it("completions says the same in all layers", async () => {
    const topic = "movie-viewing-events";
    const body = new Blob([movies]).stream();
    const { frontier, rejected } = await engine.ingest.ingest(body, "ndjson", topic);
    expect(rejected).toEqual([]);
    const rows = async (layer: string) => {
      const query = { layer, wait_for: frontier, keys: {} };
      return (await engine.serving.query("completions", query)).rows;
    };
    expect(await rows("speed")).toEqual(completions);
    expect(await rows("merged")).toEqual(completions);
    const log = engine.logs.get(topic)!;
    for (let p = 0; p < log.partitionCount(); p++) await log.appendTick(p);
    const batch = engine.batch.get(topic)!;
    let answer: unknown = null;
    for (let attempt = 0; answer === null && attempt < 50; attempt++) {
      await batch.run();
      answer = await rows("batch").catch(() => null);
    }
    expect(answer).toEqual(completions);
    expect(await rows("merged")).toEqual(completions);
  });
});

describe("an example with a fault", () => {
  const faulty = join(projectRoot, "dist", "faulty_example");
  const clear = () => Deno.remove(faulty, { recursive: true }).catch(() => {});

  beforeAll(async () => {
    await clear();
    await copy(new URL(`file://${projectRoot}sql/`), new URL(`file://${faulty}/sql/`));
    await Deno.mkdir(join(faulty, "plugins"));
    const schema = join("plugins", "movie_viewing.schema.ts");
    await Deno.copyFile(join(projectRoot, schema), join(faulty, schema));
    const example = await Deno.readTextFile(join(projectRoot, "examples", "completions.ts"));
    await Deno.writeTextFile(
      join(faulty, "plugins", "completions.ts"),
      example.replace(
        "measures: (",
        `derive: (m) => ({ share: m.nope.per(m.completion_count) }),\n  $&`,
      ),
    );
  });
  afterAll(clear);

  /** Why the start ended. */
  async function fault(): Promise<string> {
    const opened = openTestEngine({ root: faulty, dir: join(faulty, "data") });
    const error = await opened.then(({ close }) => close(), (error) => error);
    expect(error).toBeInstanceOf(UserError);
    return error.message;
  }

  it("in its declaration ends the start with the file's name and what is wrong", async () => {
    expect(await fault()).toBe(
      'Cannot load any plugin: plugins/completions.ts: derive "share": there is no measure "nope"',
    );
  });

  it("whose relation has another one's name ends the start, and overwrites nothing", async () => {
    await Deno.remove(join(faulty, "plugins", "completions.ts"));
    const example = await Deno.readTextFile(join(projectRoot, "examples", "completions.ts"));
    await Deno.writeTextFile(join(faulty, "plugins", "one.ts"), example);
    const other = example.replace(
      'name: "completions"',
      'name: "others", batch: { relation: { name: "batch_completions" } }',
    );
    await Deno.writeTextFile(join(faulty, "plugins", "two.ts"), other);
    const twice = 'relation "batch_completions" is declared twice, in plugins/one.ts and ' +
      "plugins/two.ts";
    expect(await fault()).toBe(
      `Cannot load any plugin: plugins/one.ts: ${twice}. plugins/two.ts: ${twice}`,
    );
  });
});
