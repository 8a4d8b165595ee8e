/** The commands with their options and examples, and how arguments are read. */
import { parseArgs } from "node:util";
import { type Command, defaultText, type Setting, settings } from "../config.ts";
import { UserError } from "../errors.ts";
import { nearest } from "./text.ts";

/** An option that is no setting. */
interface Option {
  readonly flag: string;
  /** What stands for the value; null for a switch. */
  readonly value: string | null;
  readonly summary: string;
}

/** A command, as help shows it. */
interface CommandSpec {
  readonly summary: string;
  /** What stands for the one argument it takes, if any. */
  readonly argument?: string;
  readonly settings: readonly (keyof typeof settings)[];
  readonly options: readonly Option[];
  /** Arguments and what they do. */
  readonly examples: readonly (readonly [args: string, what: string])[];
}

const allSettings = Object.keys(settings) as (keyof typeof settings)[];

/** Every command. */
export const commands: Readonly<Record<Command, CommandSpec>> = {
  dev: {
    summary: "Runs everything for trying and developing, with made-up events",
    settings: allSettings,
    options: [],
    examples: [
      ["dev", "page and API on http://127.0.0.1:8000, 200 made-up events a second"],
      ["dev --port 9000 --rate 5000", "another port, more events"],
      ["dev --no-simulator --data /tmp/trial", "no made-up events, another folder"],
    ],
  },
  start: {
    summary: "Runs everything for real",
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
    summary: "Sends the events of a file",
    argument: "FILE",
    settings: ["dataDir"],
    options: [
      {
        flag: "format",
        value: "ndjson|movielens",
        summary: "One JSON event per line, or lines user::movie::rating::seconds; default: what " +
          "the first line looks like",
      },
      { flag: "rate", value: "N|max", summary: "Events per second; default max" },
      { flag: "topic", value: "TOPIC", summary: "Where they go; default: the only topic" },
    ],
    examples: [
      ["replay ratings.dat --format movielens --rate max", "as fast as they are taken"],
      ["replay events.ndjson --rate 1000", "a thousand a second"],
    ],
  },
  batch: {
    summary: "Runs the batch layer once, now",
    settings: ["dataDir"],
    options: [
      { flag: "full", value: null, summary: "Recompute everything from the archive alone" },
    ],
    examples: [
      ["batch", "what is new since the last run"],
      ["batch --full", "everything, after a loss or a change"],
    ],
  },
  status: {
    summary: "Shows partitions, plugins and problems",
    settings: ["dataDir"],
    options: [{ flag: "json", value: null, summary: "The whole status, for machines" }],
    examples: [["status", "a table"], ["status --json", "all of it"]],
  },
};

/** What a command line asks for. */
export type Request =
  | { readonly kind: "help"; readonly command: Command | null }
  | { readonly kind: "version" }
  | {
    readonly kind: "run";
    readonly command: Command;
    /** The argument, such as replay's file; null where none is taken. */
    readonly argument: string | null;
    /** Given flags by their names without dashes; switches are booleans. */
    readonly flags: Readonly<Record<string, string | boolean>>;
  };

/** A command line that cannot be understood. */
export class UsageError extends UserError {
  override readonly name = "UsageError";
  constructor(message: string, readonly command: Command | null) {
    super(message);
  }
}

/**
 * Reads a command line.
 *
 * @throws {UsageError} naming what is unknown and what was probably meant.
 * @example
 * ```ts
 * import { readCommandLine } from "./command_line.ts";
 * const request = readCommandLine(["dev", "--port", "9000", "--no-simulator"]);
 * if (request.kind !== "run" || request.flags.simulator !== false) throw new Error("unexpected");
 * ```
 */
export function readCommandLine(args: readonly string[]): Request {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h") {
    return { kind: "help", command: null };
  }
  if (name === "--version" || name === "-V") return { kind: "version" };
  if (name === "help") {
    return { kind: "help", command: rest[0] === undefined ? null : commandOf(rest[0]) };
  }
  const command = commandOf(name);
  const { flags, positionals } = readFlags(command, rest);
  if (flags.help === true) return { kind: "help", command };
  const { argument } = commands[command];
  if (positionals.length > (argument === undefined ? 0 : 1)) {
    const extra = positionals[argument === undefined ? 0 : 1];
    throw new UsageError(`Unexpected argument "${extra}"`, command);
  }
  if (argument !== undefined && positionals.length === 0) {
    throw new UsageError(`Missing ${argument}: wanted ${command} ${argument}`, command);
  }
  return { kind: "run", command, argument: positionals[0] ?? null, flags };
}

function commandOf(name: string): Command {
  if (Object.hasOwn(commands, name)) return name as Command;
  const names = [...Object.keys(commands), "help"];
  if (name.startsWith("-")) {
    throw new UsageError(`The command comes first: wanted one of ${names.join(", ")}`, null);
  }
  throw new UsageError(`Unknown command "${name}"${meant(nearest(name, names))}`, null);
}

function meant(suggestion: string | null): string {
  return suggestion === null ? "" : `; did you mean "${suggestion}"?`;
}

/** Flags of a command with what stands for their values; null for a switch. */
function flagsOf(command: Command): Map<string, string | null> {
  const spec = commands[command];
  const flags = new Map<string, string | null>([["help", null]]);
  for (const { flag, value } of spec.options) flags.set(flag, value);
  for (const name of spec.settings) {
    const { flag } = settings[name];
    if (flag !== null) flags.set(flag, name === "simulator" ? null : placeholder(flag));
  }
  return flags;
}

function placeholder(flag: string): string {
  return flag === "data" ? "DIR" : flag.split("-").at(-1)!.toUpperCase();
}

function readFlags(command: Command, args: string[]) {
  const known = flagsOf(command);
  const options = Object.fromEntries(
    [...known].map(([flag, value]) =>
      [
        flag,
        { type: value === null ? "boolean" as const : "string" as const },
      ] as const
    ),
  );
  const { tokens, positionals } = parseArgs({
    args: args.map((arg) => arg === "-h" ? "--help" : arg),
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const flags: Record<string, string | boolean> = {};
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const { name, rawName, value } = token;
    const positive = name.replace(/^no-/, "");
    if (name !== positive && known.get(positive) === null && !known.has(name)) {
      if (value !== undefined) throw new UsageError(`${rawName} takes no value`, command);
      flags[positive] = false;
    } else if (!known.has(name)) {
      const names = [...known.keys()].map((flag) => `--${flag}`);
      const suggestion = nearest(rawName, [...names, "--no-simulator"]);
      throw new UsageError(`Unknown flag ${rawName} of ${command}${meant(suggestion)}`, command);
    } else if (known.get(name) === null) {
      if (value !== undefined) throw new UsageError(`${rawName} takes no value`, command);
      flags[name] = true;
    } else if (value === undefined || value === "") {
      throw new UsageError(`${rawName} wants a value: ${rawName} ${known.get(name)}`, command);
    } else {
      flags[name] = value;
    }
  }
  return { flags, positionals };
}

/** What the codes mean that a command ends with. */
export const exitCodes: readonly (readonly [code: number, meaning: string])[] = [
  [0, "done"],
  [1, "failed"],
  [2, "the command line, a setting or an input file has to be changed"],
  [3, "something outside failed: a port, a disk, a process that does not answer"],
  [130, "interrupted before it was done"],
];

/** The help of one command, or of all. */
export function helpOf(command: Command | null): string {
  return command === null ? overview() : commandHelp(command);
}

function overview(): string {
  const list = Object.entries(commands).map(([name, { summary, argument }]) =>
    [argument === undefined ? name : `${name} ${argument}`, summary] as const
  );
  return [
    "Twofold: metrics that are both fresh and exact\n",
    "Usage: twofold COMMAND [FLAGS]      (in a checkout: deno task COMMAND [FLAGS])\n",
    section("Commands", [...list, ["help COMMAND", "Shows flags and examples of a command"]]),
    section("Exit codes", exitCodes.map(([code, meaning]) => [String(code), meaning])),
    "Settings can be given by TWOFOLD_* variables too; a flag wins.\n",
  ].join("\n");
}

function commandHelp(command: Command): string {
  const spec = commands[command];
  const usage = ["twofold", command, spec.argument, "[FLAGS]"].filter(Boolean).join(" ");
  const own = spec.options.map(({ flag, value, summary }) =>
    [value === null ? `--${flag}` : `--${flag} ${value}`, summary] as const
  );
  const given = spec.settings.map((name): readonly [string, string] => {
    const setting: Setting<unknown> = settings[name] as Setting<unknown>;
    const { flag, env, summary } = setting;
    const head = flag === null ? env : flagHead(name, flag);
    return [head, `${summary}; default ${defaultText(setting).replaceAll("`", "")}`];
  });
  return [
    `${spec.summary}\n`,
    `Usage: ${usage}\n`,
    section("Flags", [...own, ...given, ["--help", "Shows this"]]),
    section("Examples", spec.examples.map(([args, what]) => [`twofold ${args}`, what])),
  ].join("\n");
}

function flagHead(name: string, flag: string): string {
  return name === "simulator" ? "--[no-]simulator" : `--${flag} ${placeholder(flag)}`;
}

function section(title: string, rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([head]) => head.length));
  return `${title}:\n${rows.map(([head, text]) => `  ${head.padEnd(width)}  ${text}\n`).join("")}`;
}
