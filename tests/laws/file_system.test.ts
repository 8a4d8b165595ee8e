import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { makeMutant } from "../support/parity/engine_modules.ts";
import { byTier } from "../support/tier.ts";

const SEEDS = byTier({ quick: 25, full: 50, long: 500 });
/** A failed sync of the file within a checkpoint, after which closing removed the log. */
const HAVE_FOUND = [189];
const support = new URL("../support/faulty_disk/", import.meta.url).pathname;
const project = new URL("../../", import.meta.url);

/** Preloading is Linux's. */
const compiler = Deno.build.os !== "linux"
  ? null
  : ["cc", "gcc", "clang"].find((name) =>
    Deno.env.get("PATH")!.split(":").some((folder) => isThere(join(folder, name)))
  ) ?? null;
const why = compiler === null ? " (skipped: there is no C compiler)" : "";

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

interface Outcome {
  readonly seed: number;
  /** What the disk did. */
  readonly fault: string;
  /** How often the log said that its disk had failed. */
  readonly failures: number;
  /** What was wrong. */
  readonly found: readonly string[];
}

describe("On a disk that fails some calls", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await Deno.makeTempDir();
    if (compiler === null) return;
    const args = ["-shared", "-fPIC", "-O1", "-o", join(folder, "faulty_disk.so")];
    const { success, stderr } = await new Deno.Command(compiler, {
      args: [...args, join(support, "faulty_disk.c"), "-ldl"],
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  });
  afterAll(() => Deno.remove(folder, { recursive: true }));

  async function tryOut(seeds: readonly number[], base: URL = project): Promise<Outcome[]> {
    const library = join(folder, "faulty_disk.so");
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-check",
        "--allow-all",
        join(support, "trial.ts"),
        library,
        base.href,
        ...seeds.map(String),
      ],
      env: { LD_PRELOAD: library },
    }).output();
    const lines = new TextDecoder().decode(stdout).split("\n").slice(0, -1);
    if (lines.length !== seeds.length) throw new Error(new TextDecoder().decode(stderr));
    return lines.map((line) => JSON.parse(line));
  }

  it.skipIf(compiler === null)(
    `log and object store keep what they acknowledged through a power cut${why}`,
    async () => {
      const seeds = Array.from({ length: SEEDS }, (_, seed) => seed);
      const outcomes = await tryOut([...seeds, ...HAVE_FOUND]);
      expect(outcomes.filter(({ found }) => found.length > 0)).toEqual([]);
      const failed = outcomes.filter(({ failures }) => failures > 0);
      expect(failed.length).toBeGreaterThan(SEEDS / 10);
    },
  );

  it.skipIf(compiler === null)(`a log that forgets a failed sync loses events${why}`, async () => {
    const mutant = await makeMutant("forgotten-sync", [{
      file: "runtime/log/wal_sync.ts",
      find: `      await this.#wal?.syncData();
    } catch (cause) {
      this.fail(cause);`,
      replace: `      await this.#wal?.syncData();
    } catch (cause) {
      throw cause;`,
    }]);
    const outcomes = await tryOut([0, 9, 18, 27, 36, 45], mutant);
    expect(outcomes.flatMap(({ found }) => found).join()).toMatch(/acknowledged events are lost/);
  });
});
