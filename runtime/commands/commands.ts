/** Every command with its options and examples. */
import { settings } from "../settings/config.ts";
import type { Command } from "../settings/setting.ts";
import { authoringCommands } from "./authoring_commands.ts";
import { type CommandSpec, folderSettings, type Option } from "./command_spec.ts";
import { inspectionCommands } from "./inspection_commands.ts";

const allSettings = Object.keys(settings) as (keyof typeof settings)[];

const operator: Option = {
  flag: "by",
  value: "NAME",
  summary: "Name of the operator, recorded; default $USER",
};

/** Every command. */
export const commands: Readonly<Record<Command, CommandSpec>> = {
  dev: {
    summary: "Run all roles locally with sample events, for trying out and developing",
    settings: allSettings,
    options: [],
    examples: [
      ["dev", "page and API on http://127.0.0.1:8000, 200 made-up events a second"],
      ["dev --port 9000 --rate 5000", "another port, more events"],
      ["dev --no-simulator --data /tmp/trial", "no made-up events, another folder"],
    ],
  },
  start: {
    summary: "Run the server",
    settings: allSettings,
    options: [],
    examples: [
      ["start --data /var/lib/twofold", "serve this machine only"],
      [
        "start --hostname 0.0.0.0",
        "serve others too; TWOFOLD_WRITE_TOKEN has to be set, for writers",
      ],
    ],
  },
  replay: {
    summary: "Ingest events from a file or standard input (-)",
    arguments: ["FILE"],
    reads: "events",
    settings: folderSettings,
    options: [
      {
        flag: "format",
        value: "FORMAT",
        summary: "A format listed below; default: what the first line looks like. Each may be " +
          "gzip or zstd",
      },
      { flag: "rate", value: "N|max", summary: "Events per second; default max" },
      {
        flag: "speed",
        value: "60x",
        summary:
          "Pace by event time instead, at a multiple of its speed; events out of order do not " +
          "wait",
      },
      {
        flag: "time-field",
        value: "FIELD",
        summary: "The event time's field, for --speed with ndjson and csv; default timestamp",
      },
      {
        flag: "catalog",
        value: "FILE",
        summary:
          "A file to put into a catalog first, as catalog put does; its format selects the " +
          "catalog, unless there is only one",
      },
      { flag: "topic", value: "TOPIC", summary: "Target topic; default: the only topic" },
      { flag: "json", value: null, summary: "Print the result as JSON" },
    ],
    examples: [
      ["replay events.csv --rate max", "as fast as they are taken"],
      ["replay events.ndjson.gz --rate 1000", "a thousand a second"],
      ["replay events.csv --speed 60x", "an hour of event time each minute"],
      ["replay events.csv --catalog titles.csv", "with the rows of a catalog"],
      ["replay - --format csv", "rows from a pipe, as they arrive"],
      [
        "replay events.csv",
        "again after an interruption: an event is its id and instant, so nothing counts twice",
      ],
    ],
  },
  produce: {
    summary: "Send made-up events of a source (plugins/*.source.ts)",
    optionalArgument: "SOURCE",
    settings: folderSettings,
    options: [
      {
        flag: "rate",
        value: "N",
        summary: "Events per second; default 1000",
      },
      { flag: "count", value: "N", summary: "Total events; default: until stopped" },
      { flag: "json", value: null, summary: "Print the result as JSON" },
    ],
    examples: [["produce", "1,000 a second of the only source, until Ctrl-C"]],
  },
  batch: {
    summary: "Run the batch layer once, now",
    settings: folderSettings,
    options: [
      { flag: "full", value: null, summary: "Recompute all days from the archive" },
      { flag: "json", value: null, summary: "Print the runs as JSON" },
    ],
    examples: [
      ["batch", "the days with new events"],
      ["batch --full", "everything, after a loss or a change"],
    ],
  },
  "batch cancel": {
    summary: "Cancel a batch run that is under way, a backfill or a rebuild",
    arguments: ["RUN"],
    settings: folderSettings,
    options: [
      { flag: "topic", value: "TOPIC", summary: "Topic of the run; default: the only topic" },
      operator,
      { flag: "json", value: null, summary: "Print the run as JSON" },
    ],
    examples: [["batch cancel 12", "run 12, by its number on the page of runs or in the status"]],
  },
  "plugins list": {
    summary: "List the plugins with their wanted and answering generations",
    settings: folderSettings,
    options: [{ flag: "json", value: null, summary: "Print them as JSON" }],
    examples: [["plugins list", "all plugins, with the progress of new ones"]],
  },
  "plugins inspect": {
    summary: "Show a plugin: file, state, generations, relations and batch SQL",
    arguments: ["NAME"],
    settings: folderSettings,
    options: [{ flag: "json", value: null, summary: "Print it as JSON, with its source" }],
    examples: [["plugins inspect completions", "all of it"]],
  },
  "plugins reload": {
    summary: "Reload the plugins' files in the running process",
    settings: folderSettings,
    options: [{ flag: "json", value: null, summary: "Print what changed as JSON" }],
    examples: [["plugins reload", "after a file in plugins/ or sql/ was saved"]],
  },
  "plugins prune": {
    summary: "Drop tables and relations of removed plugins and replaced generations now",
    settings: folderSettings,
    options: [{ flag: "json", value: null, summary: "Print the names as JSON" }],
    examples: [["plugins prune", "without waiting for --retired-retention"]],
  },
  "plugins pause": {
    summary: "Stop computing a metric; its answers stay as they are, and say so",
    arguments: ["NAME"],
    settings: folderSettings,
    options: [operator, { flag: "json", value: null, summary: "Print the result as JSON" }],
    examples: [["plugins pause visitors", "until it is resumed, also after a restart"]],
  },
  "plugins resume": {
    summary: "Resume a paused metric; it catches up from the log and the archive",
    arguments: ["NAME"],
    settings: folderSettings,
    options: [operator, { flag: "json", value: null, summary: "Print the result as JSON" }],
    examples: [["plugins resume visitors", "from where it was paused"]],
  },
  "plugins rebuild": {
    summary: "Recompute a metric's batch rows from the archive, although nothing changed",
    arguments: ["NAME"],
    settings: folderSettings,
    options: [
      { flag: "from", value: "DAY", summary: "First event day; default: the first of all" },
      { flag: "to", value: "DAY", summary: "Last event day; default: the last of all" },
      { flag: "dry-run", value: null, summary: "Only print how much would be read" },
      { flag: "json", value: null, summary: "Print the result as JSON" },
    ],
    examples: [
      ["plugins rebuild visitors --dry-run", "days, events, files and bytes of everything"],
      ["plugins rebuild visitors --from 2013-07-20 --to 2013-07-21", "two days"],
    ],
  },
  "plugins drop": {
    summary: "Drop the tables and relations of a metric that is paused or whose file is gone",
    arguments: ["NAME"],
    settings: folderSettings,
    options: [{ flag: "json", value: null, summary: "Print the names as JSON" }],
    examples: [["plugins drop visitors", "a paused one is built again when it is resumed"]],
  },
  status: {
    summary: "Show status: partitions, plugins and problems",
    settings: folderSettings,
    options: [
      {
        flag: "config",
        value: null,
        summary: "Print all settings, their values and their sources instead",
      },
      {
        flag: "memory",
        value: null,
        summary: "Print what the memory of the process consists of instead",
      },
      { flag: "json", value: null, summary: "Print the status as JSON" },
    ],
    examples: [
      ["status", "a table"],
      ["status --json", "all of it"],
      ["status --memory", "heaps, buffers, ClickHouse and mapped files"],
      ["status --config", "the settings of a process started here; secrets are hidden"],
    ],
  },
  ...authoringCommands,
  ...inspectionCommands,
  verify: {
    summary: "Verify all stored data against its checksums and list damage",
    settings: folderSettings,
    options: [
      {
        flag: "fast",
        value: null,
        summary: "Check names, sizes and counts only; default: every byte",
      },
      { flag: "json", value: null, summary: "Print the report as JSON" },
    ],
    examples: [
      ["verify", "archive, log and tables, by the running process or in the data folder"],
      ["verify --fast --json", "for a monitor: exit code 1 when something is damaged"],
    ],
  },
  "verify accept": {
    summary: "Give up a damaged archive file; its events are no longer counted",
    arguments: ["OBJECT"],
    settings: folderSettings,
    options: [
      { flag: "reason", value: "TEXT", summary: "Reason, recorded in the archive" },
      { flag: "by", value: "NAME", summary: "Name of the operator; default $USER" },
      { flag: "json", value: null, summary: "Print the accepted entry as JSON" },
    ],
    examples: [
      [
        'verify accept views/events/dt=2013-07-20/a.parquet --reason "no copy is left"',
        "a file, by the name that `verify` shows",
      ],
    ],
  },
  doctor: {
    summary: "Check whether Twofold can run here and how to fix what is missing",
    settings: allSettings,
    options: [{ flag: "json", value: null, summary: "Print the checks as JSON" }],
    examples: [
      ["doctor", "Deno, ClickHouse, data folder, settings, port, process, clock, plugins, schemas"],
      ["doctor --data /var/lib/twofold --json", "for a monitor: exit code 1 when a check fails"],
    ],
  },
};
