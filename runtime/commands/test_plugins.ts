import { join, relative } from "node:path";
import { wholeNumber } from "../std/whole_number.ts";
import type { RunRequest } from "./command_line.ts";
import { pluginFolders } from "../engine/plugin_folders.ts";
import { pluginFiles } from "./plugin_files.ts";
import type { World } from "./world.ts";

/** What tests may: the engine is loaded by FFI, and keeps its data in a temporary folder. */
const PERMISSIONS = ["read", "write", "env", "sys", "ffi"].map((name) => `--allow-${name}`);

/**
 * Runs the tests of plugins and the parity law for each of them by `deno test`; returns the exit
 * code: 1 when a test fails.
 *
 * @throws UserError when a folder or a flag is at fault, NotFoundError naming an unknown plugin.
 */
export async function testPluginsCommand(
  { positionals, flags, lists }: RunRequest,
  world: World,
): Promise<number> {
  const { root } = world;
  const number = (field: "runs" | "seed", least: number) =>
    flags[field] === undefined ? undefined : wholeNumber(String(flags[field]), {
      action: "Cannot test plugins",
      field,
      least,
      most: 2 ** 31 - 1,
    });
  const [runs, seed] = [number("runs", 1), number("seed", 0)];
  const files = await pluginFiles(pluginFolders(root, lists.plugins), positionals);
  const shown = (path: string) => relative(Deno.cwd(), path);
  const tests = files.filter(({ isTest }) => isTest).map(({ path }) => shown(path));
  const plugins = files.filter(({ isTest }) => !isTest)
    .map(({ path, sqlFolder }) => ({ file: shown(path), sqlFolder }));
  const code = await world.runDeno([
    "test",
    "--no-check",
    `--config=${join(root, "deno.json")}`,
    ...PERMISSIONS,
    ...tests,
    join(root, "runtime", "testing", "plugin_laws.ts"),
    "--",
    JSON.stringify({ plugins, runs, seed }),
  ]);
  return code === 0 ? 0 : 1;
}
