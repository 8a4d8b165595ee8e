import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { eventually } from "../support/eventually.ts";
import { root, RunningEngine } from "../support/running_engine.ts";

/** What the build that wrote a folder answered, by path. */
type Answers = Readonly<Record<string, readonly Row[] | Readonly<Record<string, unknown>>>>;
type Row = Readonly<Record<string, unknown>>;

const folders = join(root, "tests", "support", "data_folders");

async function unpack(name: string, dir: string): Promise<void> {
  const tar = new Deno.Command("tar", { args: ["xzf", join(folders, name), "-C", dir] });
  const { success, stderr } = await tar.output();
  if (!success) throw new Error(`Cannot unpack ${name}: ${new TextDecoder().decode(stderr)}`);
}

const textOf = (row: Row) => JSON.stringify(row);

/** Rows in an order of their own: rows of equal rank have none. */
const sorted = (rows: readonly Row[]) => rows.map(textOf).sort();

describe.each(["before_generations.tar.gz"])("the data folder %s", (name) => {
  let dir: string;
  let answers: Answers;
  let engine: RunningEngine;

  const paths = (layer: string) =>
    Object.keys(answers).filter((path) => path.includes(`layer=${layer}&`));
  const rowsOf = (path: string) => answers[path] as readonly Row[];

  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-upgrade-" });
    await unpack(name, dir);
    answers = JSON.parse(await Deno.readTextFile(join(dir, "answers.json")));
    engine = await RunningEngine.open({ dir: join(dir, "data") });
  });
  afterAll(async () => {
    await engine?.close();
    await Deno.remove(dir, { recursive: true });
  });

  it("opens, with its catalog and its dead letters", async () => {
    const kept = Object.keys(answers).filter((path) => !path.includes("/metrics/"));
    expect(kept).toHaveLength(2);
    // What later builds tell beside it may come.
    for (const path of kept) expect(await engine.get(path)).toMatchObject(answers[path] as object);
  });

  const answersAre = async (paths: readonly string[]) => {
    for (const path of paths) {
      const { rows } = await engine.get<{ rows: Row[] }>(path);
      expect([path, sorted(rows)]).toEqual([path, sorted(rowsOf(path))]);
    }
  };

  it("answers as before at once, from the tables of the build that wrote it", async () => {
    // The batch first: a run makes it cover more, as soon as new tables are complete.
    const all = ["batch", "merged", "speed"].map(paths);
    expect(all.map(({ length }) => length)).toEqual([12, 18, 13]);
    await answersAre(all.flat());
  });

  it("answers the same from tables of its own, once they are complete", async () => {
    const plugins = async () => (await engine.status()).plugins;
    await eventually("every metric answers by its loaded code", async () => {
      const isLoaded = async ({ plugin, generation }: { plugin: string; generation: string }) =>
        (await engine.metric(plugin, { limit: 1 })).generation === generation;
      return await Promise.all((await plugins()).map(isLoaded));
    }, (loaded) => loaded.length === 6 && loaded.every(Boolean));
    await answersAre([...paths("speed"), ...paths("merged")]);
    const { problems } = await engine.status();
    expect(problems).toEqual([]);
  });

  it("answers the same by every layer after a run, in which all is archived", async () => {
    await engine.batch();
    for (const path of paths("merged")) {
      for (const layer of ["merged", "batch"]) {
        const { rows } = await engine.get<{ rows: Row[] }>(path.replace("merged", layer));
        expect([path, layer, sorted(rows)]).toEqual([path, layer, sorted(rowsOf(path))]);
      }
    }
    const { problems } = await engine.status();
    expect(problems).toEqual([]);
  });

  it("takes new events, publishes them and finds no damage", async () => {
    const event = { user_id: 1, movie_id: 999_999, event_type: "view" };
    await engine.post([1, 2, 3].map((n) => ({
      ...event,
      event_id: `new-${n}`,
      timestamp: `2026-03-06T10:00:0${n}Z`,
    })));
    await engine.batch();
    const views = { movie_id: 999_999, view_count: 3 };
    for (const layer of ["merged", "batch", "speed"]) {
      const { rows } = await engine.metric("popular_movies", { layer, movie_id: 999_999 });
      expect([layer, rows]).toEqual([layer, [views]]);
    }
    expect((await engine.engine.verification.verify()).findings).toEqual([]);
  });
});
