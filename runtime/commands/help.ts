/** Help, from the table of commands. */
import { defaultText, settings } from "../settings/config.ts";
import type { Command, Setting } from "../settings/setting.ts";
import { serverSettings } from "../settings/server_settings.ts";
import { generalFormats } from "../row_format.ts";
import { fileFormats } from "../sources/file_formats.ts";
import { argumentsOf } from "./command_spec.ts";
import { flagsOf, verbsOf } from "./command_line.ts";
import { commands } from "./commands.ts";
import type { DeclaredInputs } from "./world.ts";

/** What the codes mean that a command ends with. */
export const exitCodes: readonly (readonly [code: number, meaning: string])[] = [
  [0, "done"],
  [1, "failed; for status and doctor: a problem was found"],
  [2, "the command line, a setting or an input file is wrong"],
  [3, "an external failure: a port, a disk, a process that does not answer"],
  [4, "not found: a metric, a catalog, a dead letter"],
  [130, "interrupted before it was done"],
];

type Row = readonly [head: string, text: string];

/**
 * The help of a command, of a noun with verbs, or of everything.
 *
 * @param inputs the declared formats, which help of a command that reads files lists.
 */
export function helpOf(
  name: string | null,
  inputs: Pick<DeclaredInputs, "formats" | "catalogFormats"> = { formats: [], catalogFormats: [] },
): string {
  if (name === null) return overview();
  if (!Object.hasOwn(commands, name)) return nounHelp(name);
  const help = commandHelp(name as Command);
  if (!readsFiles(name)) return help;
  const formats = commands[name as Command].reads === "events"
    ? fileFormats(inputs.formats)
    : [...generalRows, ...inputs.catalogFormats];
  return [help, section("Formats", formats.map((one) => [one.name, one.summary]))].join("\n");
}

const generalRows = Object.entries(generalFormats).map(([name, summary]) => ({ name, summary }));

/** Whether a command reads files, so that its help lists formats. */
export const readsFiles = (name: string): boolean =>
  Object.hasOwn(commands, name) && commands[name as Command].reads !== undefined;

function overview(): string {
  return [
    "Twofold: metrics that are both fresh and exact\n",
    "Usage: twofold COMMAND [FLAGS]      (in a checkout: deno task twofold COMMAND [FLAGS])\n",
    section("Commands", [
      ...listed(Object.keys(commands) as Command[]),
      ["help COMMAND", "Show flags and examples of a command"],
    ]),
    section("Exit codes", exitCodes.map(([code, meaning]) => [String(code), meaning])),
    "A setting can also be given as a TWOFOLD_* variable; a flag overrides it. Output is coloured on\n" +
    "terminals only, and NO_COLOR turns colours off.\n",
  ].join("\n");
}

function nounHelp(noun: string): string {
  const verbs = verbsOf(noun);
  const examples = verbs.flatMap((verb) => commands[verb].examples);
  return [
    `Usage: twofold ${noun} VERB [FLAGS]\n`,
    section("Commands", listed(verbs)),
    section("Examples", examples.map(exampleRow)),
  ].join("\n");
}

function commandHelp(command: Command): string {
  const spec = commands[command];
  const verbs = verbsOf(command);
  return [
    `${spec.summary}\n`,
    `Usage: ${["twofold", command, ...argumentsOf(spec), "[FLAGS]"].join(" ")}\n`,
    ...(verbs.length === 0 ? [] : [section("Commands", listed(verbs))]),
    section("Flags", flagRows(command)),
    section("Examples", spec.examples.map(exampleRow)),
  ].join("\n");
}

const listed = (names: readonly Command[]): Row[] =>
  names.map((
    name,
  ) => [[name, ...argumentsOf(commands[name])].join(" "), commands[name].summary]);

/** A pipe names the program itself. */
const exampleRow = ([args, what]: Row): Row => [
  args.includes("| twofold ") ? args : `twofold ${args}`,
  what,
];

const SERVERS: Row = [
  "TWOFOLD_…",
  "Kafka, S3 and a ClickHouse server instead of the data folder: docs/settings.md",
];

/** Flags in the order of the table; a setting without one by its variable. */
function flagRows(command: Command): Row[] {
  const own = new Set(commands[command].options.map(({ flag }) => flag));
  const flags = flagsOf(command);
  const headOf = (flag: string) => {
    const { value, negatable } = flags.get(flag)!;
    return negatable ? `--[no-]${flag}` : value === null ? `--${flag}` : `--${flag} ${value}`;
  };
  const { settings: names } = commands[command];
  const given = names.filter((name) => !(name in serverSettings)).map((name): Row => {
    const setting = settings[name] as Setting<unknown>;
    const head = setting.flag === null ? setting.env : headOf(setting.flag);
    const { range } = setting.type;
    const standard = `default ${defaultText(setting, command).replaceAll("`", "")}`;
    return [head, [setting.summary, ...(range === undefined ? [] : [range]), standard].join("; ")];
  });
  return [
    ...[...own].map((flag): Row => [headOf(flag), flags.get(flag)!.summary]),
    ...given,
    ...(names.includes("kafkaBrokers") ? [SERVERS] : []),
    ["--help", "Show this help"],
  ];
}

function section(title: string, rows: readonly Row[]): string {
  const width = Math.max(...rows.map(([head]) => head.length));
  return `${title}:\n${rows.map(([head, text]) => `  ${head.padEnd(width)}  ${text}\n`).join("")}`;
}
