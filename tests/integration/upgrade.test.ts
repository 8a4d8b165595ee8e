import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { eventually } from "../support/eventually.ts";
import { root, RunningEngine } from "../support/running_engine.ts";

const folders = join(root, "tests", "support", "data_folders");

describe("the data folder of a build before the generations changed", () => {
  let dir: string;
  let engine: RunningEngine;
  let answers: Readonly<Record<string, readonly Record<string, unknown>[]>>;

  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-upgrade-" });
    const archive = join(folders, "before_generations.tar.gz");
    await new Deno.Command("tar", { args: ["xzf", archive, "-C", dir] }).output();
    answers = JSON.parse(await Deno.readTextFile(join(dir, "answers.json")));
    engine = await RunningEngine.open({ dir: join(dir, "data") });
  });
  afterAll(async () => {
    await engine?.close();
    await Deno.remove(dir, { recursive: true });
  });

  const sorted = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).sort();
  const generations = async () => {
    const { plugins } = await engine.status();
    const found = await Promise.all(plugins.map(async ({ plugin, generation }) => {
      const { generation: answering } = await engine.metric(plugin, { limit: 1 });
      return { plugin, loaded: generation, answering };
    }));
    return found;
  };

  it("answers as it did, first from its own tables and then from new ones", async () => {
    expect(Object.keys(answers).length).toBeGreaterThan(0);
    const first = await generations();
    const ask = async (without = "nothing") => {
      for (const [path, rows] of Object.entries(answers)) {
        if (path.includes(without)) continue;
        const answer = await engine.get<{ rows: readonly unknown[] }>(path);
        const metric = path.startsWith("/api/v1/metrics/");
        const [now, then] = metric ? [sorted(answer.rows), sorted(rows)] : [answer, rows];
        expect([path, now]).toEqual([path, then]);
      }
    };
    await ask();
    await eventually(
      "every metric answers by its loaded code",
      generations,
      (of) => of.every(({ loaded, answering }) => loaded === answering),
    );
    // The run that completed the new tables covers more than the last one of the old build.
    await ask("layer=batch");
    const { problems } = await engine.status();
    expect(problems.filter(({ code }) => code === "rebuilding")).toEqual([]);
    expect(first.length).toBeGreaterThan(0);
  });
});
