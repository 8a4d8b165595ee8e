import { database } from "./database.ts";
import process from "node:process";
import { readConfig } from "../../runtime/settings/config.ts";
import { type Engine, openEngine } from "../../runtime/engine/engine.ts";

/** The project's folder. */
export const projectRoot = new URL("../../", import.meta.url).pathname;

/** An engine over a folder of its own, started; `close` also removes the folder. */
export async function openTestEngine(
  options: {
    root?: string;
    dir?: string;
    env?: Record<string, string>;
    /** Told of each line that a process would log, as a warning or for information. */
    onProblem?: (message: string) => void;
    onNotice?: (message: string) => void;
  } = {},
): Promise<{ engine: Engine; dir: string; close: () => Promise<void> }> {
  const dir = options.dir ?? await Deno.makeTempDir({ prefix: "twofold-test-" });
  const libchdb = process.env.TWOFOLD_LIBCHDB;
  const config = readConfig({
    command: "start",
    database,
    flags: { data: dir },
    env: { ...(libchdb ? { TWOFOLD_LIBCHDB: libchdb } : {}), ...options.env },
  });
  const { root = projectRoot, onProblem, onNotice } = options;
  const engine = await openEngine(config, { root, version: "test", onProblem, onNotice });
  engine.start();
  return {
    engine,
    dir,
    close: async () => {
      await engine.close();
      if (options.dir === undefined) await Deno.remove(dir, { recursive: true });
    },
  };
}
