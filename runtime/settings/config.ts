/** The settings: one table that drives reading, faults, defaults and docs. */
import { totalmem } from "node:os";
import { UserError } from "../std/errors.ts";
import { ROLES, serverFaults, serverSettings } from "./server_settings.ts";
import {
  choice,
  duration,
  hostNames,
  onOff,
  schedule,
  Secret,
  secrets,
  type SettingType,
  size,
  some,
  text,
  whole,
} from "./setting_types.ts";

/** The commands, as far as settings differ by them. */
export type Command =
  | "dev"
  | "start"
  | "replay"
  | "produce"
  | "batch"
  | "plugins prune"
  | "status"
  | "verify"
  | "verify accept"
  | "query"
  | "events tail"
  | "dead-letters"
  | "dead-letters show"
  | "catalog"
  | "catalog show"
  | "catalog put"
  | "drift"
  | "drift accept"
  | "sql"
  | "doctor";

/** Something that a process may do. */
export type Role = typeof ROLES[number];

/** What a default may depend on. */
interface DefaultContext {
  readonly command: Command;
  readonly machineMemoryBytes: number;
}

/** One setting: where it is given, what it may be, what it means. */
export interface Setting<T> {
  /** The environment variable. */
  readonly env: string;
  /** The flag without its dashes; null where a command line is no place for it. */
  readonly flag: string | null;
  readonly type: SettingType<T>;
  /** The value where none is given; null where the setting may stay open. */
  readonly default: (context: DefaultContext) => T | null;
  /** The default in words, where it is computed. */
  readonly defaultText?: string;
  readonly summary: string;
}

/** A setting that always has a value. */
interface FilledSetting<T> extends Setting<T> {
  readonly default: (context: DefaultContext) => T;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const GIB = 2 ** 30;

function filled<T>(
  setting: Omit<FilledSetting<T>, "default"> & {
    readonly default: (context: DefaultContext) => NoInfer<T>;
  },
): FilledSetting<T> {
  return setting;
}

function open<T>(setting: Omit<Setting<T>, "default">): Setting<T> {
  return { ...setting, default: () => null };
}

/** Every setting, by its name in {@link Config}. Units are in the names. */
export const settings = {
  port: filled({
    env: "TWOFOLD_PORT",
    flag: "port",
    type: whole({ min: 0, max: 65535 }),
    default: () => 8000,
    summary: "Port of the page and the API; 0 takes a free one",
  }),
  hostname: filled({
    env: "TWOFOLD_HOSTNAME",
    flag: "hostname",
    type: text(
      "a host name or an address",
      /^(\[?[0-9a-fA-F:.]*:[0-9a-fA-F:.]*\]?|[\w.-]{1,253})$/,
    ),
    default: () => "127.0.0.1",
    summary: "Address to listen on. An address that other machines can reach requires tokens",
  }),
  dataDir: filled({
    env: "TWOFOLD_DATA",
    flag: "data",
    type: text("a folder's path", /^[^\0]+$/),
    default: () => "./data",
    summary: "Data folder: log, archive and warehouse. Only one process may open it",
  }),
  partitions: open({
    env: "TWOFOLD_PARTITIONS",
    flag: "partitions",
    type: whole({ min: 1, max: 256 }),
    defaultText: "4 for a new log; an existing log keeps its own",
    summary:
      "Partitions of a new log. A higher number adds partitions to an embedded log; it never shrinks",
  }),
  blockSize: filled({
    env: "TWOFOLD_BLOCK_SIZE",
    flag: "block-size",
    type: whole({ min: 256, max: 65536, powerOfTwo: true }),
    default: () => 65536,
    summary: "Offsets per block, the unit of archiving. Fixed when a log is created",
  }),
  blockSpanMs: filled({
    env: "TWOFOLD_BLOCK_SPAN",
    flag: "block-span",
    type: duration({ min: SECOND_MS, max: DAY_MS }),
    default: ({ command }) => command === "dev" ? 10 * SECOND_MS : MINUTE_MS,
    summary: "Longest time a block with events stays open before a tick closes it",
  }),
  horizon: filled({
    env: "TWOFOLD_HORIZON",
    flag: "horizon",
    type: whole({ min: 256, max: 2 ** 26, powerOfTwo: true }),
    default: () => 2 ** 20,
    summary: "Dedup horizon of the speed layer, in offsets per partition. A change starts new " +
      "generations",
  }),
  futureAfterMs: filled({
    env: "TWOFOLD_FUTURE_AFTER",
    flag: "future-after",
    type: duration({ min: SECOND_MS, max: 365 * DAY_MS }),
    default: () => HOUR_MS,
    summary: "An event further than this ahead of its append time is a future event, which the " +
      "watermark ignores. A change starts a new ledger",
  }),
  flushIntervalMs: filled({
    env: "TWOFOLD_FLUSH_INTERVAL",
    flag: "flush-interval",
    type: duration({ min: 10, max: MINUTE_MS }),
    default: () => 500,
    summary: "Interval at which the speed layer writes changed rows",
  }),
  speedMemoryBytes: filled({
    env: "TWOFOLD_SPEED_MEMORY",
    flag: "speed-memory",
    type: size({ min: 0, max: 1024 * GIB }),
    default: () => 128 * 2 ** 20,
    summary: "Memory per topic for closed blocks that no batch run covers yet; answers about a " +
      "single key come from it",
  }),
  batchSchedule: filled({
    env: "TWOFOLD_BATCH_SCHEDULE",
    flag: "batch-schedule",
    type: schedule,
    default: () => "* * * * *",
    summary: "Start times of batch runs: minute hour day-of-month month day-of-week, UTC",
  }),
  batchRunsKept: filled({
    env: "TWOFOLD_BATCH_RUNS_KEPT",
    flag: "batch-runs-kept",
    type: whole({ min: 8, max: 100_000 }),
    default: () => 1000,
    summary: "Batch runs whose claims and history are kept, per topic",
  }),
  scrubBytesPerSecond: filled({
    env: "TWOFOLD_SCRUB_RATE",
    flag: "scrub-rate",
    type: size({ min: 0, max: 4 * GIB }),
    default: () => 4 * 2 ** 20,
    summary: "Bytes per second that the background scrub verifies; 0B disables it",
  }),
  memoryLimitBytes: filled({
    env: "TWOFOLD_MEMORY_LIMIT",
    flag: "memory-limit",
    type: size({ min: 256 * 2 ** 20, max: 1024 * GIB }),
    default: ({ machineMemoryBytes }) =>
      Math.max(256 * 2 ** 20, Math.min(4 * GIB, Math.floor(machineMemoryBytes / 2))),
    defaultText: "4GiB, or half of the machine's memory if that is less",
    summary: "Memory limit of the warehouse; batch runs spill to disk beyond it",
  }),
  hosts: filled({
    env: "TWOFOLD_HOSTS",
    flag: "hosts",
    type: hostNames,
    default: () => [],
    summary: "Further host names that clients may use, beside this machine's own names and IP " +
      "addresses. Requests for other names are refused",
  }),
  readTokens: open({
    env: "TWOFOLD_READ_TOKEN",
    flag: null,
    type: secrets,
    summary: "Tokens for reading: a bearer token for programs, a sign-in form for people",
  }),
  writeTokens: open({
    env: "TWOFOLD_WRITE_TOKEN",
    flag: null,
    type: secrets,
    summary: "Tokens for writing and reading, sent as a bearer token",
  }),
  publicRead: filled({
    env: "TWOFOLD_PUBLIC_READ",
    flag: "public-read",
    type: onOff,
    default: () => false,
    summary: "Allow reading without a token on an address that other machines can reach",
  }),
  publicProbes: filled({
    env: "TWOFOLD_PUBLIC_PROBES",
    flag: "public-probes",
    type: choice("none", "health", "all"),
    default: () => "health" as const,
    summary: "Endpoints open without a read token: none, /healthz and /readyz, or also /metrics",
  }),
  roles: filled({
    env: "TWOFOLD_ROLES",
    flag: "roles",
    type: some(...ROLES),
    default: () => ROLES,
    summary:
      "Roles of this process: ingest events, compute windows, archive, run the batch layer " +
      "(with compaction and retention), serve queries",
  }),
  simulator: filled({
    env: "TWOFOLD_SIMULATOR",
    flag: "simulator",
    type: onOff,
    default: ({ command }) => command === "dev",
    summary: "Generate sample events",
  }),
  simulatorRate: filled({
    env: "TWOFOLD_RATE",
    flag: "rate",
    type: whole({ min: 1, max: 1_000_000 }),
    default: () => 200,
    summary: "Sample events per second",
  }),
  lostRanges: filled({
    env: "TWOFOLD_LOST_RANGES",
    flag: "lost-ranges",
    type: choice("stop", "skip"),
    default: () => "stop" as const,
    summary:
      "If the log's retention has removed records before they were archived, as in a topic " +
      "older than Twofold: stop the partition, or skip the lost range and report it",
  }),
  speedRetentionMs: filled({
    env: "TWOFOLD_SPEED_RETENTION",
    flag: "speed-retention",
    type: duration({ min: MINUTE_MS, max: 3660 * DAY_MS }),
    default: () => 24 * HOUR_MS,
    summary: "Shortest time that rows of the speed layer are kept",
  }),
  retiredRetentionMs: filled({
    env: "TWOFOLD_RETIRED_RETENTION",
    flag: "retired-retention",
    type: duration({ min: MINUTE_MS, max: 3660 * DAY_MS }),
    default: () => 24 * HOUR_MS,
    summary: "Time that tables of removed plugins and replaced generations are kept",
  }),
  logRetentionMs: filled({
    env: "TWOFOLD_LOG_RETENTION",
    flag: "log-retention",
    type: duration({ min: MINUTE_MS, max: 3660 * DAY_MS }),
    default: () => 24 * HOUR_MS,
    summary: "Shortest time that records stay in the log; they always stay until archived",
  }),
  region: filled({
    env: "TWOFOLD_REGION",
    flag: "region",
    type: text("1 to 31 lower-case letters, digits or dashes", /^[a-z0-9][a-z0-9-]{0,30}$/),
    default: () => "local",
    summary: "Name of the region, part of a new log's identity",
  }),
  libchdbPath: open({
    env: "TWOFOLD_LIBCHDB",
    flag: "libchdb",
    type: text("a file's path", /^[^\0]+$/),
    summary: "Path of libchdb.so, if not the installed package's",
  }),
  logLevel: filled({
    env: "TWOFOLD_LOG_LEVEL",
    flag: "log-level",
    type: choice("debug", "info", "warn", "error"),
    default: () => "info" as const,
    summary: "Lowest level that is logged",
  }),
  logFormat: filled({
    env: "TWOFOLD_LOG_FORMAT",
    flag: "log-format",
    type: choice("text", "json"),
    default: () => "text" as const,
    summary: "Format of log lines",
  }),
  ...serverSettings,
};

type Settings = typeof settings;

/** The settings of a process, valid and complete; nothing reads the environment after this. */
export type Config =
  & { readonly [K in keyof Settings]: ReturnType<Settings[K]["default"]> }
  & { readonly command: Command };

/** One setting that cannot be used. */
export interface ConfigFault {
  /** The flag or variable as the user wrote it: `--port`, `TWOFOLD_PORT`. */
  readonly setting: string;
  readonly wanted: string;
  /** What came, in quotes; never a secret. */
  readonly got: string;
}

/** Settings that cannot be used: all faults at once. */
export class ConfigError extends UserError {
  override readonly name = "ConfigError";
  /** What the process ends with. */
  readonly exitCode = 2;
  constructor(readonly faults: readonly ConfigFault[]) {
    const lines = faults.map(({ setting, wanted, got }) =>
      `\n  ${setting}: wanted ${wanted}, got ${got}`
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
}

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
  { command, flags = {}, env = {}, machineMemoryBytes = totalmem() }: ConfigInput,
): Config {
  const faults: ConfigFault[] = [];
  const context = { command, machineMemoryBytes };
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

/** Variables that look like settings and are none: slips of the pen, worth a warning. */
export function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set<string>(
    (Object.values(settings) as Setting<unknown>[]).flatMap(({ env, type }) =>
      type.isSecret ? [env, env + SECRET_FILE] : [env]
    ),
  );
  return Object.keys(env).filter((name) => name.startsWith("TWOFOLD_") && !known.has(name)).sort();
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
  const head = ["flag", "variable", "default", "wanted", "meaning"];
  return [head.join(" | "), head.map(() => "---").join(" | "), ...rows]
    .map((row) => `| ${row} |\n`).join("");
}

/** The default of a setting in words: of one command, or else with what differs in `dev`. */
export function defaultText(setting: Setting<unknown>, command?: Command): string {
  if (setting.defaultText !== undefined) return setting.defaultText;
  const textOf = (command: Command) => {
    const value = setting.default({ command, machineMemoryBytes: 8 * GIB });
    return value === null || value === "" ? "none" : `\`${setting.type.show(value)}\``;
  };
  if (command !== undefined) return textOf(command);
  const [start, dev] = [textOf("start"), textOf("dev")];
  return start === dev ? start : `${start} (dev: ${dev})`;
}

export { Secret };
