/** How arguments are read. */
import { parseArgs } from "node:util";
import { settings } from "../settings/config.ts";
import type { Command, Setting } from "../settings/setting.ts";
import { closest } from "../std/closest.ts";
import { UserError } from "../std/errors.ts";
import { argumentsOf, choicesOf, placeholderOf } from "./command_spec.ts";
import { commands } from "./commands.ts";
import { oneOf } from "./text.ts";

/** Flags of a command line by their names without dashes. */
export interface GivenFlags {
  /** Those that come once; switches are booleans. */
  readonly flags: Readonly<Record<string, string | boolean>>;
  /** Those that may come more than once. */
  readonly lists: Readonly<Record<string, readonly string[]>>;
}

/** A command to run. */
export interface RunRequest extends GivenFlags {
  readonly kind: "run";
  readonly command: Command;
  /** As many as {@link CommandSpec.arguments} names, or more where others are optional. */
  readonly positionals: readonly string[];
}

/** What a command line asks for. */
export type Request =
  /** Of a command, of a noun with verbs, or of everything. */
  | { readonly kind: "help"; readonly command: string | null }
  | { readonly kind: "version" }
  | RunRequest;

/** A command line that cannot be understood. */
export class UsageError extends UserError {
  override readonly name = "UsageError";
  constructor(message: string, readonly command: string | null) {
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
  const [name] = args;
  if (name === undefined || isHelp(name)) return { kind: "help", command: null };
  if (name === "--version" || name === "-V") return { kind: "version" };
  if (name === "help") {
    return { kind: "help", command: args.length === 1 ? null : nameAt(args.slice(1)) };
  }
  const command = nameAt(args);
  const rest = args.slice(command.split(" ").length);
  if (!isCommand(command)) return verbless(command, rest);
  const { positionals, ...given } = readFlags(command, rest);
  if (given.flags.help === true) return { kind: "help", command };
  checkArguments(command, positionals);
  return { kind: "run", command, positionals, ...given };
}

const isHelp = (arg: string | undefined) => arg === "--help" || arg === "-h";

const isCommand = (name: string): name is Command => Object.hasOwn(commands, name);

/** The commands under a noun: `catalog show` under `catalog`. */
export function verbsOf(noun: string): Command[] {
  return (Object.keys(commands) as Command[]).filter((name) => name.startsWith(`${noun} `));
}

/** The command, or else the noun, that the arguments begin with. */
function nameAt(args: readonly string[]): string {
  const [noun] = args;
  const both = args.slice(0, 2).join(" ");
  if (isCommand(both)) return both;
  if (isCommand(noun) || verbsOf(noun).length > 0) return noun;
  const names = [...new Set(Object.keys(commands).map((name) => name.split(" ")[0])), "help"];
  if (noun.startsWith("-")) {
    throw new UsageError(`The command comes first: expected one of ${names.join(", ")}`, null);
  }
  throw new UsageError(`Unknown command "${noun}"${closest(noun, names)}`, null);
}

/** A noun that is no command of its own. */
function verbless(noun: string, rest: readonly string[]): Request {
  if (isHelp(rest[0])) return { kind: "help", command: noun };
  const verb = rest[0]?.startsWith("-") ? undefined : rest[0];
  if (verb !== undefined) throw unknownVerb(noun, verb);
  throw new UsageError(`Missing verb: expected ${oneOf(verbsOf(noun))}`, noun);
}

function unknownVerb(noun: string, verb: string): UsageError {
  const name = `${noun} ${verb}`;
  return new UsageError(`Unknown command "${name}"${closest(name, verbsOf(noun))}`, noun);
}

function checkArguments(command: Command, positionals: readonly string[]): void {
  const wanted = commands[command].arguments ?? [];
  const usage = [command, ...wanted].join(" ");
  const empty = positionals.indexOf("");
  const missing = empty < 0 ? wanted[positionals.length] : argumentsOf(commands[command])[empty];
  if (missing !== undefined) {
    throw new UsageError(`Missing ${missing}: expected ${usage}`, command);
  }
  const { optionalArgument, moreArguments } = commands[command];
  const most = wanted.length + (optionalArgument === undefined ? 0 : 1);
  if (moreArguments === undefined && positionals.length > most) {
    const extra = positionals[most];
    if (wanted.length === 0 && verbsOf(command).length > 0) throw unknownVerb(command, extra);
    throw new UsageError(`Unexpected argument "${extra}"`, command);
  }
  for (const [i, placeholder] of wanted.entries()) {
    const choices = choicesOf(placeholder);
    if (choices.length === 0 || choices.includes(positionals[i])) continue;
    throw new UsageError(`Wanted ${oneOf(choices)}, got "${positionals[i]}"`, command);
  }
}

/** A flag that a command knows. */
export interface KnownFlag {
  /** What stands for its value; null for a switch. */
  readonly value: string | null;
  readonly summary: string;
  readonly many: boolean;
  /** Whether `--no-` before it switches it off. */
  readonly negatable: boolean;
  /** Whether it is a setting: these are checked later, to tell all of their faults at once. */
  readonly isSetting: boolean;
}

/** The flags of a command by their names. */
export function flagsOf(command: Command): Map<string, KnownFlag> {
  const spec = commands[command];
  const flags = new Map<string, KnownFlag>();
  for (const { flag, value, summary, many = false } of spec.options) {
    flags.set(flag, { value, summary, many, negatable: false, isSetting: false });
  }
  for (const name of spec.settings) {
    const { flag, summary, type } = settings[name] as Setting<unknown>;
    if (flag === null) continue;
    const value = name === "simulator" ? null : placeholderOf(flag, type);
    const many = type.isList === true;
    flags.set(flag, { value, summary, many, negatable: value === null, isSetting: true });
  }
  return flags.set("help", {
    value: null,
    summary: "Show this help",
    many: false,
    negatable: false,
    isSetting: false,
  });
}

/** The flags of a command that are settings: what is left may be named as a setting is elsewhere. */
export function settingFlags({ command, flags }: RunRequest): Record<string, string | boolean> {
  const names = commands[command].settings.map((name) => settings[name].flag);
  return Object.fromEntries(Object.entries(flags).filter(([flag]) => names.includes(flag)));
}

function readFlags(command: Command, args: readonly string[]) {
  const known = flagsOf(command);
  const types = [...known].map(([flag, { value }]) =>
    [flag, { type: value === null ? "boolean" as const : "string" as const }] as const
  );
  const { tokens, positionals } = parseArgs({
    args: args.map((arg) => arg === "-h" ? "--help" : arg),
    options: Object.fromEntries(types),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const flags: Record<string, string | boolean> = {};
  const lists: Record<string, string[]> = {};
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const [name, value] = readFlag(command, known, token);
    const { many, isSetting } = known.get(name)!;
    if (!many) flags[name] = value;
    else if (!isSetting) (lists[name] ??= []).push(String(value));
    else flags[name] = name in flags ? `${flags[name]},${value}` : value;
  }
  return { flags, lists, positionals };
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string;
}

function readFlag(
  command: Command,
  known: ReadonlyMap<string, KnownFlag>,
  { name, rawName, value }: OptionToken,
): [name: string, value: string | boolean] {
  const positive = name.replace(/^no-/, "");
  const off = !known.has(name) && known.get(positive)?.negatable === true;
  const flag = known.get(off ? positive : name);
  if (flag === undefined) {
    const names = [...known].flatMap(([name, { negatable }]) =>
      negatable ? [`--${name}`, `--no-${name}`] : [`--${name}`]
    );
    const suggestion = closest(rawName, names);
    throw new UsageError(`Unknown flag ${rawName} of ${command}${suggestion}`, command);
  }
  if (flag.value === null) {
    if (value !== undefined) throw new UsageError(`${rawName} takes no value`, command);
    return off ? [positive, false] : [name, true];
  }
  if (value === undefined || value === "") {
    throw new UsageError(`${rawName} wants a value: ${rawName} ${flag.value}`, command);
  }
  const choices = flag.isSetting ? [] : choicesOf(flag.value);
  if (choices.length > 0 && !choices.includes(value)) {
    throw new UsageError(`${rawName} must be ${oneOf(choices)}, got "${value}"`, command);
  }
  return [name, value];
}
