import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { eventually } from "../support/eventually.ts";
import { projectRoot } from "../support/test_engine.ts";

describe("tools/run_tests.ts", () => {
  let dir: string;
  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-run-tests-" });
    const tier = join(projectRoot, "tests/support/tier.ts");
    await Deno.writeTextFile(
      join(dir, "tiered.test.ts"),
      `import { byTier } from "${tier}";
       Deno.test("has " + byTier({ quick: 1, full: 2, long: 3 }) + " cases", () => {});`,
    );
    await Deno.writeTextFile(join(dir, "plain.test.ts"), `Deno.test("holds", () => {});`);
    await Deno.writeTextFile(join(dir, "long.full.test.ts"), `Deno.test("lasts", () => {});`);
    await Deno.writeTextFile(
      join(dir, "broken.test.ts"),
      `Deno.test("passes", () => {});
       Deno.test("fails", () => { console.log("why it fails"); throw new Error("no"); });`,
    );
  });
  afterAll(() => Deno.remove(dir, { recursive: true }));

  /** Runs files of the folder, or all of it; returns the exit code, the output and the JUnit file. */
  async function run(names: readonly string[], tier: string, flags: readonly string[] = []) {
    const junit = join(dir, "junit.xml");
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-check",
        "-A",
        "tools/run_tests.ts",
        `--junit=${junit}`,
        ...flags,
        ...names.map((name) => join(dir, name)),
      ],
      cwd: projectRoot,
      env: { TWOFOLD_TESTS: tier, NO_COLOR: "1", CI: "" },
    }).output();
    const out = new TextDecoder().decode(stdout);
    return { code, out, lines: out.trimEnd().split("\n"), junit: await Deno.readTextFile(junit) };
  }

  it("runs the files of a folder in the tier `quick`, and fails when one of them failed", async () => {
    const { code, out, lines } = await run([""], "quick");
    expect(code).toBe(1);
    expect(lines[0]).toMatch(/^Running 3 test files \(tier "quick"\), \d+ at a time$/);
    expect(out).toMatch(/\[\d\/3\] \S+plain.test.ts: 1 passed \(\d+\.\d s(, CPU \d+\.\d s)?\)/);
    expect(out).toMatch(/\[\d\/3\] \S+broken.test.ts: FAILED/);
    expect(out).toContain("why it fails");
    expect(out).not.toContain("has 1 cases");
    expect(lines.at(-2)).toMatch(/^Failed: \S+broken.test.ts$/);
    expect(lines.at(-1)).toBe("3 passed, 1 failed");
  });

  it("runs in a higher tier the files that do more there, and those for it alone", async () => {
    const { code, lines, junit } = await run([""], "full");
    expect([code, lines.at(-1)]).toEqual([0, "2 passed, 0 failed"]);
    expect(junit).toContain('name="has 2 cases"');
    expect(junit).toContain('name="lasts"');
  });

  it("stops a file at its limit, with the processes that it started, and tells what it said", async () => {
    const pids = join(dir, "pids");
    await Deno.writeTextFile(
      join(dir, "endless.spec.ts"),
      `Deno.test("fails", () => { throw new Error("why it fails"); });
       Deno.test("spins", () => {
         const { pid } = new Deno.Command("sleep", { args: ["600"] }).spawn();
         Deno.writeTextFileSync(${JSON.stringify(pids)}, Deno.pid + " " + pid);
         console.log("said before");
         while (true);
       });`,
    );
    const { code, out, lines, junit } = await run(["endless.spec.ts"], "quick", ["--limit=0.05"]);
    expect(code).toBe(1);
    expect(out).toContain("said before");
    expect(out).toContain("why it fails");
    expect(out).toMatch(/endless.spec.ts was stopped: its limit is 0.05 minutes/);
    expect(junit).toContain("its limit is 0.05 minutes");
    expect(lines.at(-1)).toBe("0 passed, 2 failed");
    for (const pid of (await Deno.readTextFile(pids)).split(" ")) {
      await eventually(
        `process ${pid} to end`,
        () => Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "ended"),
        (state) => state === "ended" || state.includes(") Z "),
        { deadlineMs: 5_000 },
      );
    }
  });

  it("runs a file that is named, whatever the tier", async () => {
    for (const [file, tier] of [["plain.test.ts", "long"], ["long.full.test.ts", "quick"]]) {
      const { code, lines } = await run([file], tier);
      expect([code, lines.at(-1)]).toEqual([0, "1 passed, 0 failed"]);
    }
  });
});
