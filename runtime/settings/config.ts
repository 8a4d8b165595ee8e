/** The settings: one table that drives reading, faults, defaults and docs. */
import { totalmem } from "node:os";
import { UserError } from "../std/errors.ts";
import { processSettings } from "./process_settings.ts";
import { serverFaults, serverSettings } from "./server_settings.ts";
import type { Command, ConfigFault, Setting } from "./setting.ts";
import { Secret } from "./setting_types.ts";

/** Every setting, by its name in {@link Config}. Units are in the names. */
export const settings = { ...processSettings, ...serverSettings };

type Settings = typeof settings;

/** The settings of a process, valid and complete; nothing reads the environment after this. */
export type Config =
  & { readonly [K in keyof Settings]: ReturnType<Settings[K]["default"]> }
  & { readonly command: Command };

/** Settings that cannot be used: all faults at once. */
export class ConfigError extends UserError {
  override readonly name = "ConfigError";
  /** What the process ends with. */
  readonly exitCode = 2;
  constructor(readonly faults: readonly ConfigFault[]) {
    const lines = faults.map(({ setting, wanted, got }) =>
      `\n  ${setting}: expected ${wanted}, got ${got}`
    );
    super(`Cannot use the settings:${lines.join("")}`, { field: faults[0]?.setting });
  }
}

/** What {@link readConfig} takes. */
export interface ConfigInput {
  readonly command: Command;
  /** Values of flags by their names without dashes. */
  readonly flags?: Readonly<Record<string, string | boolean | undefined>>;
  /** Environment variables; an empty one counts as absent. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: what the system tells. */
  readonly machineMemoryBytes?: number;
  /** The ClickHouse database where no setting names one. Default `twofold`. */
  readonly database?: string;
}

const DATABASE = "twofold";

/**
 * The settings of a process: a flag wins over the environment, and that over the default.
 *
 * @throws {ConfigError} with every fault, not just the first.
 * @example
 * ```ts
 * import { readConfig } from "./config.ts";
 * const config = readConfig({
 *   command: "dev",
 *   flags: { port: "9000" },
 *   env: { TWOFOLD_BLOCK_SPAN: "10s" },
 * });
 * if (config.port !== 9000 || config.blockSpanMs !== 10_000) throw new Error("unexpected");
 * ```
 */
export function readConfig(
  { command, flags = {}, env = {}, machineMemoryBytes = totalmem(), database = DATABASE }:
    ConfigInput,
): Config {
  const faults: ConfigFault[] = [];
  const context = { command, machineMemoryBytes, database };
  const values: Record<string, unknown> = { command };
  for (const [name, setting] of Object.entries(settings) as [string, Setting<unknown>][]) {
    const given = givenValue(setting, flags, env);
    if (given === null) {
      values[name] = setting.default(context);
      continue;
    }
    const value = setting.type.parse(given.text);
    if (value === undefined) {
      const got = setting.type.isSecret ? "another text" : JSON.stringify(given.text);
      faults.push({ setting: given.setting, wanted: setting.type.wanted, got });
    }
    values[name] = value;
  }
  const config = values as Config;
  faults.push(...exposureFaults(config), ...serverFaults(config));
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze(config);
}

/** Where a setting is given and as what; null where it is left to its default. */
export function givenValue(
  { flag, env: variable }: Setting<unknown>,
  flags: NonNullable<ConfigInput["flags"]>,
  env: NonNullable<ConfigInput["env"]>,
): { setting: string; text: string } | null {
  const byFlag = flag === null ? undefined : flags[flag];
  if (byFlag !== undefined) return { setting: `--${flag}`, text: String(byFlag) };
  const byEnv = env[variable];
  return byEnv === undefined || byEnv === "" ? null : { setting: variable, text: byEnv };
}

/** The folders of plugins, also where other settings are wrong. */
export function pluginDirsOf({ flags = {}, env = {} }: Pick<ConfigInput, "flags" | "env">) {
  const { pluginDirs } = settings;
  const given = givenValue(pluginDirs, flags, env);
  return given === null ? [] : pluginDirs.type.parse(given.text) ?? [];
}

/** Anyone who reaches the port could read and write: that is for the own machine only. */
function exposureFaults(
  { command, hostname, readTokens, writeTokens, publicRead }: Config,
): ConfigFault[] {
  const listens = command === "dev" || command === "start";
  if (!listens || hostname === undefined || isLoopback(hostname)) return [];
  const faults: ConfigFault[] = [];
  const need = (setting: string, wanted: string, does: string) =>
    faults.push({
      setting,
      wanted: `${wanted}, because --hostname ${hostname} lets other machines ${does}`,
      got: "none",
    });
  if (writeTokens === null) need(settings.writeTokens.env, "a write token", "write");
  if (readTokens === null && publicRead === false) {
    need(settings.readTokens.env, "a read token, or --public-read", "read");
  }
  return faults;
}

/** Whether only the own machine reaches `hostname`. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/i.test(hostname);
}

/** Ends the name of a variable that holds the path of a secret's file. */
export const SECRET_FILE = "_FILE";

/** The settings as a Markdown table, for the docs: generated, so that it cannot be stale. */
export function describeSettings(): string {
  const rows = (Object.values(settings) as Setting<unknown>[]).map((setting) => {
    const flag = setting.flag === null ? "" : `\`--${setting.flag}\``;
    const cells = [flag, `\`${setting.env}\``, defaultText(setting), setting.type.wanted];
    return [...cells, setting.summary].map((cell) => cell.replaceAll("|", "\\|")).join(" | ");
  });
  const head = ["flag", "variable", "default", "values", "meaning"];
  return [head.join(" | "), head.map(() => "---").join(" | "), ...rows]
    .map((row) => `| ${row} |\n`).join("");
}

/** The default of a setting in words: of one command, or else with what differs in `dev`. */
export function defaultText(setting: Setting<unknown>, command?: Command): string {
  if (setting.defaultText !== undefined) return setting.defaultText;
  const textOf = (command: Command) => {
    const value = setting.default({
      command,
      machineMemoryBytes: 8 * 2 ** 30,
      database: DATABASE,
    });
    return value === null || value === "" ? "none" : `\`${setting.type.show(value)}\``;
  };
  if (command !== undefined) return textOf(command);
  const [start, dev] = [textOf("start"), textOf("dev")];
  return start === dev ? start : `${start} (dev: ${dev})`;
}

export { Secret };
