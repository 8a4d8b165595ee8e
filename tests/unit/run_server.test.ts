import { describe, expect, it } from "testing";
import { listen } from "../../runtime/commands/listen.ts";
import { ExternalError } from "../../runtime/std/errors.ts";
import { fakeWorld, hastyClock } from "../support/fake_world.ts";
import { nothingChanged } from "../support/reload_answer.ts";
import { runWords as run } from "../support/run_words.ts";

describe("dev and start", () => {
  it("listens, tells where, and closes in order when told to stop", async () => {
    const world = fakeWorld();
    const running = run("dev --no-simulator --port 0", world);
    while (!world.out.text().includes("http://127.0.0.1:8000")) await world.clock.sleep(0);
    expect(world.out.text()).toContain("Ctrl-C");
    world.interrupt();
    expect((await running).code).toBe(0);
    expect(world.engine.done).toEqual([
      "start",
      "listening http://127.0.0.1:8000",
      "shutdown",
      "close",
    ]);
  });

  it.each([["dev", true], ["start", false]])(
    "loads the plugins again when asked to, with a line for each: %s",
    async (command, watched) => {
      const told: boolean[] = [];
      const world = fakeWorld({
        async *reloadRequests(folders) {
          told.push(folders.length > 0);
          yield ["plugins/stars.ts"];
          yield ["plugins/a.ts", "plugins/b.ts", "plugins/c.source.ts", "plugins/d.format.ts"];
          yield ["SIGHUP"];
        },
      });
      const loads = world.engine.reloadPlugins;
      let times = 0;
      world.engine.reloadPlugins = () =>
        ++times < 3 ? loads() : Promise.reject(new ExternalError("no answer"));
      const running = run(`${command} --no-simulator --port 0`, world);
      while (!world.err.text().includes("SIGHUP")) await world.clock.sleep(0);
      world.interrupt();
      expect((await running).code).toBe(0);
      expect(told).toEqual([watched]);
      expect(world.err.text()).toMatch(
        /plugins\/stars\.ts: Plugin stars is new: it is being built/,
      );
      expect(world.err.text()).toContain(
        "plugins/a.ts, plugins/b.ts, plugins/c.source.ts and 1 more: Plugin stars is new",
      );
      expect(world.err.text()).toMatch(/SIGHUP: the plugins could not be loaded again: no answer/);
    },
  );

  it("logs once why a plugin was refused, and again when the same file is loaded again", async () => {
    const world = fakeWorld({
      async *reloadRequests() {
        yield ["plugins/b.ts"];
        yield ["plugins/b.ts"];
        yield ["SIGHUP"];
      },
    });
    const faults = ["key is missing", "measures is missing"];
    const answers = [
      {
        ...nothingChanged,
        changed: ["a"],
        refused: [{ plugin: "b", file: "plugins/b.ts", faults }],
      },
      { ...nothingChanged, refused: [{ plugin: "b", file: "plugins/b.ts", faults }] },
      nothingChanged,
    ];
    let times = 0;
    world.engine.reloadPlugins = () => {
      if (times === 0) {
        const message = `Plugin b runs as it was loaded before: ${faults.join("; ")}. Correct it`;
        world.engine.onProblem(message, undefined);
      }
      return Promise.resolve(answers[times++]);
    };
    const running = run("start --port 0", world);
    while (!world.err.text().includes("SIGHUP")) await world.clock.sleep(0);
    world.interrupt();
    await running;
    const lines = world.err.text().split("\n").map((line) => line.slice("00:00:00 ".length));
    expect(lines.filter((line) => /plugin|SIGHUP/i.test(line))).toEqual([
      "warn Plugin b runs as it was loaded before: key is missing; measures is missing. Correct it",
      "info plugins/b.ts: Plugin a changed.",
      "warn plugins/b.ts: Plugin b was not loaded: key is missing; measures is missing. Correct " +
      "plugins/b.ts.",
      "info SIGHUP: Nothing changed.",
    ]);
  });

  it("lets made-up events flow in at the rate", async () => {
    const world = fakeWorld();
    const running = run("dev --rate 1000", world);
    while (world.engine.source.calls < 20) await world.clock.sleep(0);
    world.interrupt();
    await running;
    const { calls, taken, topics } = world.engine.source;
    const events = [...taken.values()].reduce((sum, times) => sum + times, 0);
    expect(events).toBe(calls * 100);
    expect([...topics]).toEqual(["movie-viewing-events"]);
  });

  it("puts made-up rows into a catalog that has none", async () => {
    for (const rows of [0, 1]) {
      const world = fakeWorld();
      const { list } = world.engine.catalogs;
      world.engine.catalogs.list = async () => (await list()).map((each) => ({ ...each, rows }));
      const running = run("dev --rate 1000", world);
      while (world.engine.source.calls < 1) await world.clock.sleep(0);
      world.interrupt();
      await running;
      const { put } = world.engine.asked;
      expect(put?.text.split("\n")[0].startsWith('{"movie_id":1,"title":"The ') ?? null)
        .toBe(rows === 0 ? true : null);
    }
  });

  it("closes the engine when the port is taken", async () => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr as Deno.NetAddr;
    const world = fakeWorld({
      serve: (_, config) =>
        Promise.resolve().then(() => listen(() => new Response(), config, hastyClock())),
    });
    const { code, err } = await run(`start --port ${port}`, world);
    expect(code).toBe(3);
    expect(err).toContain(`Cannot listen on 127.0.0.1, port ${port}: another process does`);
    expect(world.engine.done).toEqual(["close"]);
  });

  it("does not wait longer than ten seconds for what does not close", async () => {
    const world = fakeWorld();
    world.engine.close = () => new Promise(() => {});
    const running = run("start", world);
    while (!world.err.text().includes("listens")) await world.clock.sleep(0);
    world.interrupt();
    const { code, err } = await running;
    expect(code).toBe(3);
    expect(err).toContain("Cannot stop within 10 s");
  });

  it("warns of a variable that is no setting", async () => {
    const world = fakeWorld({ env: { TWOFOLD_PRT: "1" } });
    world.interrupt();
    expect((await run("start", world)).err).toContain("Unknown setting TWOFOLD_PRT");
  });
});
