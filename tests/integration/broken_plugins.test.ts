import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { pluginFolder, pluginText } from "../support/plugin_folder.ts";
import { folderInProject, RunningEngine } from "../support/running_engine.ts";
import { byTier, tier } from "../support/tier.ts";

/** What modules do while they are imported, and what is said of them. */
const BROKEN: Readonly<Record<string, readonly [code: string, fault: RegExp]>> = {
  looping: [`for (;;);`, /^its module did not load within 10 s$/],
  throwing: [`throw new Error("no such luck");`, /^no such luck \(plugins\/throwing_0\.ts:/],
  hoarding: [
    `const kept: unknown[] = []; for (;;) kept.push(new Array(100_000).fill(1));`,
    /^its module ended the thread that loads it: .*memory limit/,
  ],
  exiting: [`(globalThis as any).process.exit(7);`, /^Cannot read properties of undefined/],
  asking: [`await fetch("http://127.0.0.1:1/");`, /^fetch\(\) is not available to plugins/],
  waiting: [`await new Promise(() => {});`, /^its module did not load within 10 s$/],
  reading: [`import { readFileSync } from "node:fs"; readFileSync("/etc/hosts");`, /"node:fs"/],
};

describe("many broken plugins at once", () => {
  let dir: string;
  let engine: RunningEngine;
  const copies = byTier({ quick: 1, full: 2, long: 3 });
  // Deno cannot end a thread that loops: it takes time from all others until the process ends.
  const kinds = Object.entries(BROKEN).filter(([kind]) => tier !== "quick" || kind !== "looping");
  const broken = kinds.flatMap(([kind, [code, fault]]) =>
    Array.from({ length: copies }, (_, i) => ({ name: `${kind}_${i}`, code, fault }))
  );

  beforeAll(async () => {
    dir = await folderInProject("broken");
    // By their names, some of the sound ones load first and some last.
    const sound = Object.fromEntries(
      ["above", "mean", "zeal"].map((name) => [`${name}.ts`, pluginText(name)]),
    );
    const texts = broken.map(({ name, code }) => [`${name}.ts`, `${code}\n${pluginText(name)}`]);
    await pluginFolder(dir, { ...sound, ...Object.fromEntries(texts) });
    engine = await RunningEngine.open({ dir: join(dir, "data"), root: dir });
  });
  afterAll(async () => {
    await engine?.close();
    await Deno.remove(dir, { recursive: true });
  });

  it("leave the process ready, and the others answer", async () => {
    const ready = await fetch(new URL("/readyz", engine.url));
    expect([ready.status, await ready.text()]).toEqual([200, expect.anything()]);
    const { frontier } = await engine.post([{ id: "1", at: "2026-01-05T00:00:00Z", value: 7 }]);
    for (const name of ["above", "mean", "zeal"]) {
      const { rows } = await engine.metric(name, { wait_for: frontier });
      expect(rows).toEqual([expect.objectContaining({ value: 7, n: 1 })]);
    }
  });

  it("are told each by its own fault", async () => {
    const { problems } = await engine.status();
    const told = new Map(problems.map(({ subject, message }) => [subject, message]));
    for (const { name, fault } of broken) {
      const message = told.get(`plugin ${name}`) ?? "";
      const said = message.replace(`Plugin ${name} does not run: `, "").split(". Correct ")[0];
      expect(said.replace(/_\d+\.ts/, "_0.ts")).toMatch(fault);
    }
    expect(problems.filter(({ code }) => code === "plugin_refused").length).toBe(broken.length);
  });
});
