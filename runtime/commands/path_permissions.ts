/** Whether Deno lets this process use the paths that its command line and settings name. */
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { type ConfigInput, givenValue, SECRET_FILE, settings } from "../settings/config.ts";
import type { Setting } from "../settings/setting.ts";
import type { PathPermission } from "../settings/setting_types.ts";
import { UserError } from "../std/errors.ts";
import { type RunRequest, settingFlags } from "./command_line.ts";
import { commands } from "./commands.ts";

type Environment = NonNullable<ConfigInput["env"]>;

interface UsedPath {
  readonly path: string;
  readonly permissions: readonly PathPermission[];
}

/**
 * Checks the permissions for all paths before the first one is opened. Those of `deno.json` cover
 * the code folder and `./data`.
 *
 * @throws {UserError} naming each path that is not covered, and the command line that covers all.
 */
export function checkPathPermissions(request: RunRequest, env: Environment): void {
  const used = [...settingPaths(request, env), ...argumentPaths(request)];
  const uncovered = used.filter((each) => !isCovered(each));
  if (uncovered.length === 0) return;
  const names = [...new Set(uncovered.map(({ path }) => JSON.stringify(path)))].join(", ");
  const hasComma = uncovered.some(({ path }) => path.includes(","));
  const advice = hasComma
    ? "Deno's flags take no path with a comma; give another path"
    : `run: ${coveringCommand(request.command, used)}`;
  throw new UserError(`Cannot open ${names}: not covered by Deno's permissions; ${advice}`);
}

function isCovered({ path, permissions }: UsedPath): boolean {
  return permissions.every((name) =>
    Deno.permissions.querySync({ name, path }).state === "granted"
  );
}

function settingPaths(request: RunRequest, env: Environment): UsedPath[] {
  const flags = settingFlags(request);
  const context = { command: request.command, machineMemoryBytes: 0, database: "" };
  return (Object.values(settings) as Setting<unknown>[]).flatMap((setting): UsedPath[] => {
    const { isSecret, permissions = [] } = setting.type;
    if (isSecret) {
      const path = env[setting.env + SECRET_FILE];
      return path ? [{ path, permissions: ["read"] }] : [];
    }
    if (permissions.length === 0) return [];
    const text = givenValue(setting, flags, env)?.text;
    const value = text === undefined ? setting.default(context) : setting.type.parse(text) ?? text;
    if (value === null) return [];
    return [value].flat().map((path) => ({ path: String(path), permissions }));
  });
}

/** What stands for `FILE` on the command line. */
function argumentPaths({ command, positionals, flags }: RunRequest): UsedPath[] {
  const { arguments: placeholders = [], options } = commands[command];
  const given = [
    ...positionals.filter((_, i) => placeholders[i] === "FILE"),
    ...options.filter(({ value }) => value === "FILE").map(({ flag }) => flags[flag]),
  ];
  return given.filter((file) => typeof file === "string" && file !== "-")
    .map((file) => ({ path: String(file), permissions: ["read"] }));
}

/** A flag replaces the set's own list, so each flag names all paths. */
function coveringCommand(command: string, used: readonly UsedPath[]): string {
  const root = relative(Deno.cwd(), fileURLToPath(new URL("../..", import.meta.url)));
  const set = command === "dev" ? "dev" : "run";
  const own = { read: [root || "."], write: set === "dev" ? [join(root, "dist")] : [], ffi: [] };
  const flags = (["read", "write", "ffi"] as const).flatMap((name) => {
    const covered = used.filter(({ permissions }) => permissions.includes(name));
    const paths = new Set([...own[name], ...covered.map(({ path }) => path)]);
    return paths.size === 0 ? [] : [`--allow-${name}=${[...paths].join(",")}`];
  });
  const words = [`-P=${set}`, ...flags, join(root, "main.ts"), ...Deno.args];
  return ["deno run", ...words.map(quoted)].join(" ");
}

/** A word as a shell reads it. */
const quoted = (word: string) =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
