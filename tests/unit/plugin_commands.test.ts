import { describe, expect, it } from "testing";
import type { ReloadAnswer } from "../../runtime/ports/services.ts";
import { fakeStatus, fakeWorld } from "../support/fake_world.ts";
import { nothingChanged } from "../support/reload_answer.ts";
import { runWords as run } from "../support/run_words.ts";

describe("plugins list and inspect", () => {
  it("list which generations are wanted and answer, and how far they are built", async () => {
    const [first] = fakeStatus.plugins;
    const plugins = [
      { ...first, plugin: "old", generation: "v1_a", answering: "v1_a", rebuilding: null, run: 7 },
      { ...first, plugin: "young", generation: "v1_b", answering: "v1_c", rebuilding: 0.437 },
    ];
    const asked = (args: string) => {
      const world = fakeWorld();
      world.engine.status = () => Promise.resolve({ ...fakeStatus, plugins });
      return run(args, world);
    };
    const { code, out } = await asked("plugins list");
    expect(code).toBe(0);
    const lines = out.split("\n").map((line) => line.trim().split(/\s+/));
    expect(lines.find(([name]) => name === "old")).toEqual(
      ["old", first.topic, first.state, "v1_a", "v1_a", "100%", "7"],
    );
    expect(lines.find(([name]) => name === "young")!.slice(3, 6)).toEqual(["v1_b", "v1_c", "43%"]);
    expect(JSON.parse((await asked("plugins list --json")).out)).toEqual({ plugins });
  });

  it("show all of one, and name the others where there is none", async () => {
    const [status] = fakeStatus.plugins;
    const text = {
      plugin: status.plugin,
      file: "plugins/it.ts",
      source: "export …",
      batch_sql: "SELECT 1",
      relations: { speed: "stream_it", batch: "batch_it", merged: "merged_it" },
    };
    const asked = (args: string) => {
      const world = fakeWorld();
      Object.assign(world.engine, { plugins: new Map([[status.plugin, text]]) });
      return run(args, world);
    };
    const { code, out } = await asked(`plugins inspect ${status.plugin}`);
    expect(code).toBe(0);
    for (const part of ["plugins/it.ts", "stream_it, batch_it, merged_it", "SELECT 1"]) {
      expect(out).toContain(part);
    }
    const json = JSON.parse((await asked(`plugins inspect ${status.plugin} --json`)).out);
    expect(json).toEqual({ ...text, status });
    const unknown = await asked("plugins inspect nothing");
    expect(unknown.err).toContain(`There is no plugin "nothing"; there are ${status.plugin}`);
  });
});

describe("plugins reload", () => {
  it("has the process load the plugins again, and prints a line for each", async () => {
    const { code, out, world } = await run("plugins reload");
    expect([code, out, world.engine.done]).toEqual([
      0,
      "Plugin stars is new: it is being built.\n",
      expect.arrayContaining(["reload"]),
    ]);
    expect(JSON.parse((await run("plugins reload --json")).out).added).toEqual(["stars"]);
  });

  it("fails where a plugin was refused", async () => {
    const world = fakeWorld();
    world.engine.reloadPlugins = () =>
      Promise.resolve({
        ...nothingChanged,
        refused: [{ plugin: "wrong", file: "plugins/wrong.ts", faults: ["one", "two"] }],
      });
    expect(await run("plugins reload", world)).toMatchObject({
      code: 1,
      out: "Plugin wrong was not loaded: one; two. Correct plugins/wrong.ts.\n",
    });
  });

  it("names the files of row formats and sources, and fails where one was refused", async () => {
    const reloads = (changes: Partial<ReloadAnswer>) => {
      const world = fakeWorld();
      world.engine.reloadPlugins = () => Promise.resolve({ ...nothingChanged, ...changes });
      return run("plugins reload", world);
    };
    expect(await reloads({})).toMatchObject({ code: 0, out: "Nothing changed.\n" });
    const [a, b] = ["plugins/a.format.ts", "plugins/b.source.ts"];
    expect(await reloads({ loaded_files: [a], removed_files: [b] }))
      .toMatchObject({ code: 0, out: `${a} was loaded.\n${b} was removed.\n` });
    expect(await reloads({ refused_files: [{ file: a, faults: ["one", "two"] }] }))
      .toMatchObject({ code: 1, out: `${a} was not loaded: one; two.\n` });
  });
});

describe("plugins prune", () => {
  it("names what it removed, without starting the layers", async () => {
    const { code, out, world } = await run("plugins prune");
    expect([code, out]).toEqual([0, "Removed 1 table or relation:\n  batch_gone\n"]);
    expect(world.engine.done).toEqual(["close"]);
    expect(JSON.parse((await run("plugins prune --json")).out)).toEqual({
      removed: ["batch_gone"],
    });
  });
});
