import { afterAll, beforeAll, describe, expect, it } from "testing";
import { join, relative } from "node:path";
import type { VerifyReport } from "../../runtime/ports/services.ts";
import { random } from "../../plugins/viewing/chance.ts";
import { root } from "../support/running_engine.ts";
import { byTier, firstSeed } from "../support/tier.ts";

/** Each is a process of some seconds. */
const SEEDS = byTier({ quick: 1, full: 3, long: 100 });
const FIRST = firstSeed();

interface Answer {
  readonly rows: readonly unknown[];
  readonly frontier: string;
}

interface Looked {
  readonly refused: string | null;
  readonly report: VerifyReport | null;
  readonly parts: readonly { readonly table: string; readonly path: string }[];
  readonly answers: readonly (Answer | "refused")[];
}

async function child(what: "make" | "look", dir: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-A", join(root, "tests/support/damage_child.ts"), what, dir],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  // ClickHouse ends a process whose metadata it cannot read.
  if (code !== 0) return JSON.stringify({ refused: decoder.decode(stderr), report: null });
  return decoder.decode(stdout);
}

const look = async (dir: string): Promise<Looked> =>
  JSON.parse((await child("look", dir)).trim().split("\n").at(-1)!);

/** Files of Twofold's tables, which lie under the database's parts. */
async function partFiles(dir: string): Promise<string[]> {
  const files: string[] = [];
  const walk = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = join(folder, name);
      if (isDirectory) await walk(path);
      else if (/\/(all|\d+)_\d+_\d+_\d+[^/]*\/[^/]+$/.test(path)) files.push(path);
    }
  };
  await walk(join(dir, "warehouse", "store"));
  return files.sort();
}

describe("damage of the warehouse", () => {
  let dir: string;
  let right: Looked;
  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-damage-" });
    await child("make", join(dir, "prepared"));
    right = await look(join(dir, "prepared"));
  });
  afterAll(() => Deno.remove(dir, { recursive: true }));

  it("is not found where there is none", () => {
    expect(right.refused).toBe(null);
    expect(right.report!.findings).toEqual([]);
    for (const answer of right.answers) expect((answer as Answer).rows.length).toBeGreaterThan(0);
  });

  it(`is found and named, or changes no answer (${SEEDS} seeds)`, async () => {
    const wrong: string[] = [];
    const partsOf = (tables: RegExp) =>
      right.parts.filter(({ table }) => tables.test(table))
        .map(({ path }) => relative(join(dir, "prepared"), path));
    const speedParts = partsOf(/^state_speed_/);
    expect(speedParts.length).toBeGreaterThan(0);
    const pointerParts = partsOf(/^state_batch_/).filter((path) => /\/0_[^/]+$/.test(path));
    expect(pointerParts.length).toBeGreaterThan(0);
    const mayLag = new Set([...speedParts, ...pointerParts]);
    const blockOf = (path: string) => Number(/_\d+_(\d+)_\d+\/?$/.exec(path)![1]);
    const newestCount = partsOf(/^state_ledger_/).toSorted((a, b) => blockOf(a) - blockOf(b)).at(
      -1,
    );
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const chance = random(seed);
      const below = (count: number) => Math.floor(chance() * count);
      const folder = join(dir, "case");
      await new Deno.Command("cp", { args: ["-a", join(dir, "prepared"), folder] }).output();
      const how = ["flip", "cut", "delete", "delete the part"][below(4)];
      const files = await partFiles(folder);
      const file = files[below(files.length)];
      const bytes = await Deno.readFile(file);
      if (how === "flip" && bytes.length > 0) {
        bytes[below(bytes.length)] ^= 1 << below(8);
        await Deno.writeFile(file, bytes);
      } else if (how === "cut") await Deno.truncate(file, below(bytes.length));
      else if (how === "delete") await Deno.remove(file);
      else if (how !== "flip") await Deno.remove(join(file, ".."), { recursive: true });
      const { refused, report, answers } = await look(folder);
      await Deno.remove(folder, { recursive: true });
      const about = `seed ${seed}: ${how} ${relative(folder, file)}`;
      if (refused !== null || !report!.ok) continue;
      // Without the newest flushes of a partition, or the newest pointer, a table is as it was before
      // them. A process that starts then knows no better, and writes them again; answers say so by
      // their frontier.
      const lost = how === "delete the part" ? relative(folder, join(file, "..")) : "";
      const isNewestCount = lost !== "" && lost === newestCount;
      const same = answers.every((answer, i) => {
        const known = right.answers[i] as Answer;
        return answer === "refused" || (isNewestCount && i === answers.length - 1) ||
          (mayLag.has(lost) && answer.frontier !== known.frontier) ||
          JSON.stringify(answer) === JSON.stringify(known);
      });
      if (!same) wrong.push(about);
    }
    expect(wrong).toEqual([]);
  });
});
