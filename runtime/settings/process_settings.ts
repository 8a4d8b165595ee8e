/** The settings of the process itself: address, data folder, layers, retention, log lines. */
import { ROLES, type Setting } from "./setting.ts";
import {
  choice,
  duration,
  folders,
  hostNames,
  onOff,
  path,
  schedule,
  secrets,
  size,
  some,
  text,
  whole,
} from "./setting_types.ts";

/** A setting that always has a value. */
interface FilledSetting<T> extends Setting<T> {
  readonly default: (...context: Parameters<Setting<T>["default"]>) => T;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const GIB = 2 ** 30;

function filled<T>(
  setting: Omit<FilledSetting<T>, "default"> & {
    readonly default: (...context: Parameters<Setting<T>["default"]>) => NoInfer<T>;
  },
): FilledSetting<T> {
  return setting;
}

function open<T>(setting: Omit<Setting<T>, "default">): Setting<T> {
  return { ...setting, default: () => null };
}

/** By their names in `Config`. Units are in the names. */
export const processSettings = {
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
    type: path("folder", "read", "write"),
    default: () => "./data",
    summary: "Data folder: log, archive and warehouse. Only one process may open it",
  }),
  pluginDirs: filled({
    env: "TWOFOLD_PLUGINS",
    flag: "plugins",
    type: folders("read"),
    default: () => [],
    defaultText: "plugins/ of the checkout",
    summary: "Folder of plugins, or npm package in node_modules/, in place of plugins/; several " +
      "as flags of their own, or with commas between",
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
    summary: "Interval at which the speed layer writes changed rows while they are read",
  }),
  idleFlushIntervalMs: filled({
    env: "TWOFOLD_IDLE_FLUSH_INTERVAL",
    flag: "idle-flush-interval",
    type: duration({ min: 10, max: MINUTE_MS }),
    default: () => 10 * SECOND_MS,
    summary: "The same while nobody reads through this process; not used where several workers " +
      "share a topic",
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
    summary: "Send the made-up events of `plugins/*.source.ts`",
  }),
  simulatorRate: filled({
    env: "TWOFOLD_RATE",
    flag: "rate",
    type: whole({ min: 1, max: 1_000_000 }),
    default: () => 200,
    summary: "Made-up events per second and source",
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
    type: path("file", "ffi"),
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
};
