import { afterEach, beforeEach, describe, expect, it } from "testing";
import { join } from "node:path";
import { runCommandLine } from "../../runtime/commands/cli.ts";
import { claimDirectory } from "../../runtime/engine/data_folder.ts";
import { UserError } from "../../runtime/std/errors.ts";
import { fakeStatus, type FakeWorld, fakeWorld } from "../support/fake_world.ts";
import { servedWorld } from "../support/served_world.ts";
import { problemOf } from "../support/problem.ts";

interface Check {
  readonly check: string;
  readonly state: string;
  readonly found: string;
  readonly advice: string | null;
}

async function doctor(world: FakeWorld, ...flags: string[]) {
  const code = await runCommandLine(["doctor", "--json", ...flags], world);
  const { ok, checks } = JSON.parse(world.out.text()) as { ok: boolean; checks: Check[] };
  expect(code).toBe(ok ? 0 : 1);
  return { code, of: (name: string) => checks.find(({ check }) => check === name), checks };
}

describe("doctor", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-doctor-" });
  });
  afterEach(() => Deno.remove(dir, { recursive: true }));
  const free = () => ["--data", dir, "--port", "0"];

  it("finds all well where it is, and says what it looked at", async () => {
    const { code, checks } = await doctor(fakeWorld(), ...free());
    expect(code).toBe(0);
    expect(checks.map(({ check }) => check)).toEqual([
      "deno",
      "clock",
      "settings",
      "clickhouse",
      "plugins",
      "folder",
      "writable",
      "disk",
      "port",
      "schemas",
    ]);
    expect(checks.filter(({ state }) => state === "fail")).toEqual([]);
    expect([...Deno.readDirSync(dir)]).toEqual([]);
  });

  it("goes on after a fault, tells what to do, and ends with 1", async () => {
    const inspect = {
      library: () => {
        throw new UserError("Cannot find the ClickHouse library");
      },
      plugins: () => Promise.reject(new UserError("Cannot load plugins/a.ts: no such column")),
      schemas: () => Promise.resolve([]),
      async *servers() {},
    };
    const { code, of } = await doctor(fakeWorld({ inspect }), ...free());
    expect(code).toBe(1);
    expect(of("clickhouse")).toEqual({
      check: "clickhouse",
      state: "fail",
      found: "Cannot find the ClickHouse library",
      advice: "run `deno install`, or set --libchdb",
    });
    expect(of("plugins")?.found).toBe("Cannot load plugins/a.ts: no such column");
    expect(of("port")?.state).toBe("ok");
  });

  it("fails with every plugin that is refused, and counts those that run", async () => {
    const inspect = {
      library: () => "/lib/libchdb.so",
      plugins: () =>
        Promise.resolve({ plugins: ["a"], topics: ["t"], faults: ["Plugin b …", "Plugin c …"] }),
      schemas: () => Promise.resolve([]),
      async *servers() {},
    };
    const { code, of } = await doctor(fakeWorld({ inspect }), ...free());
    expect(code).toBe(1);
    expect(of("plugins")).toEqual({
      check: "plugins",
      state: "fail",
      advice: null,
      found: "1 plugin: a\nPlugin b …\nPlugin c …",
    });
  });

  it("fails with every schema that does not fit what is archived", async () => {
    const world = fakeWorld();
    expect((await doctor(world, ...free())).of("schemas")?.state).toBe("ok");
    const schemas = () => Promise.resolve(["The metrics of topic a …", "The metrics of topic b …"]);
    const inspect = { ...world.inspect, schemas };
    const { code, of } = await doctor(fakeWorld({ inspect }), ...free());
    expect(code).toBe(1);
    expect(of("schemas")).toEqual({
      check: "schemas",
      state: "fail",
      advice: null,
      found: "The metrics of topic a …\nThe metrics of topic b …",
    });
  });

  it("tells all settings that cannot be used, and those that are none", async () => {
    const env = { TWOFOLD_PORT: "x", TWOFOLD_BLOCK_SIZE: "3" };
    const broken = await doctor(fakeWorld({ env }), "--data", dir);
    expect(broken.of("settings")?.state).toBe("fail");
    expect(broken.of("settings")?.found).toMatch(/TWOFOLD_PORT.*\n.*TWOFOLD_BLOCK_SIZE/);
    const world = fakeWorld({ env: { TWOFOLD_PRT: "1", TWOFOLD_REGION: "eu" } });
    const { code, of } = await doctor(world, ...free());
    expect(code).toBe(0);
    expect(of("settings")).toMatchObject({
      state: "warn",
      found: "there is no setting TWOFOLD_PRT (did you mean TWOFOLD_PORT?)",
    });
  });

  it("wants a write token where start would", async () => {
    const { of } = await doctor(fakeWorld(), ...free(), "--hostname", "0.0.0.0");
    expect(of("settings")?.found).toContain("TWOFOLD_WRITE_TOKEN");
  });

  it("knows its own folder, a newer one, somebody else's and one that is not there", async () => {
    const found = async (folder: string, nowMs = Date.now()) => {
      const world = fakeWorld();
      world.clock.now = () => nowMs;
      return (await doctor(world, "--data", folder, "--port", "0")).of("folder");
    };
    expect(await found(join(dir, "a", "b"))).toMatchObject({ state: "ok" });
    expect([...Deno.readDirSync(dir)]).toEqual([]);
    const own = join(dir, "own"), newer = join(dir, "newer"), strange = join(dir, "strange");
    await (await claimDirectory(own, 1)).release();
    expect((await found(own))?.found).toBe(`${own}, format 1, no process owns it`);
    expect(await found(own, Date.now() - 86_400_000)).toMatchObject({ state: "warn" });
    await (await claimDirectory(newer, 3)).release();
    expect(await found(newer)).toMatchObject({
      state: "fail",
      advice: "use a newer version of Twofold",
    });
    await Deno.mkdir(strange);
    await Deno.writeTextFile(join(strange, "letters.txt"), "");
    expect(await found(strange)).toMatchObject({ state: "warn" });
    await Deno.writeTextFile(join(own, "owner.json"), "{");
    expect(await found(own)).toMatchObject({ state: "fail" });
  });

  it("fails where the folder cannot be written", async () => {
    const file = join(dir, "file");
    await Deno.writeTextFile(file, "");
    // A file where the folder should be: it holds for every user, root included.
    const { code, of } = await doctor(fakeWorld(), "--data", file, "--port", "0");
    expect(code).toBe(1);
    expect(of("writable")).toMatchObject({ state: "fail" });
  });

  it("says who has the port: the running process, another Twofold or another program", async () => {
    await using process = servedWorld();
    const port = new URL(process.url).port;
    const flags = ["--data", dir, "--port", port];
    expect((await doctor(process, ...flags)).of("port")).toMatchObject({
      state: "ok",
      found: `127.0.0.1, port ${port} is the running process's`,
    });
    const other = await doctor(fakeWorld(), ...flags);
    expect(other.code).toBe(1);
    expect(other.of("port")?.found).toContain("a Twofold 0.1.0 with another data folder");
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const silent = String((taken.addr as Deno.NetAddr).port);
    void taken.accept().then((connection) => connection.close());
    const program = await doctor(fakeWorld(), "--data", dir, "--port", silent);
    expect(program.of("port")?.found).toContain("taken by another program");
  });

  it("tells the running process's problems", async () => {
    const engine = fakeWorld();
    await using process = servedWorld(engine);
    const port = new URL(process.url).port;
    const well = await doctor(process, "--data", dir, "--port", port);
    expect(well.of("process")?.found).toBe(
      `process 4711, Twofold 0.1.0, on ${process.url} is well`,
    );
    const problems = [problemOf("partition 0: a gap")];
    engine.engine.status = () => Promise.resolve({ ...fakeStatus, ready: false, problems });
    await using ill = servedWorld(engine);
    const { code, of } = await doctor(ill, "--data", dir, "--port", new URL(ill.url).port);
    expect(code).toBe(1);
    expect(of("process")).toMatchObject({ state: "fail" });
    expect(of("process")?.found).toContain("partition 0: a gap");
  });

  it("distrusts a clock before this release", async () => {
    const world = fakeWorld();
    world.clock.now = () => 0;
    const { code, of } = await doctor(world, ...free());
    expect([code, of("clock")?.state]).toEqual([1, "fail"]);
  });

  it("writes a line per check for people", async () => {
    const world = fakeWorld({ env: { TWOFOLD_PRT: "1" } });
    expect(await runCommandLine(["doctor", ...free()], world)).toBe(0);
    expect(world.out.text()).toContain(`ok    deno       ${Deno.version.deno}\n`);
    expect(world.out.text()).toContain("warn  settings");
    expect(world.out.text()).toContain("→ mend or unset it");
  });
});
