/** What a command is, as far as reading, help and docs need to know. */
import type { settings } from "../settings/config.ts";
import type { Setting } from "../settings/setting.ts";

/** An option that is no setting. */
export interface Option {
  readonly flag: string;
  /**
   * The placeholder of the value; null for a switch. Words in lower case with `|` between are all
   * values.
   */
  readonly value: string | null;
  readonly summary: string;
  /** Whether it may come more than once. */
  readonly many?: boolean;
}

/** The settings of a command that opens the data folder where no process runs. */
export const folderSettings = ["dataDir", "pluginDirs"] as const;

/** A command, as help shows it. */
export interface CommandSpec {
  readonly summary: string;
  /** What stands for the arguments it takes, all of which are wanted. */
  readonly arguments?: readonly string[];
  /** What stands for one more, which may be left out. */
  readonly optionalArgument?: string;
  /** What stands for any number more. */
  readonly moreArguments?: string;
  readonly settings: readonly (keyof typeof settings)[];
  readonly options: readonly Option[];
  /** What the files hold that it reads, so that help lists the formats. */
  readonly reads?: "events" | "catalog";
  /** Arguments and what they do. */
  readonly examples: readonly (readonly [args: string, what: string])[];
}

/** The arguments of a command as help shows them. */
export function argumentsOf(
  { arguments: wanted = [], optionalArgument, moreArguments }: CommandSpec,
): string[] {
  const shown = [...wanted];
  if (optionalArgument !== undefined) shown.push(`[${optionalArgument}]`);
  if (moreArguments !== undefined) shown.push(`[${moreArguments} …]`);
  return shown;
}

/** The values that a placeholder such as `table|json|csv` names; none where it is not such. */
export function choicesOf(placeholder: string | null): readonly string[] {
  const words = placeholder?.split("|") ?? [];
  return words.length > 1 && words.every((word) => /^[a-z][a-z-]*$/.test(word)) ? words : [];
}

/** What stands for the value of a setting's flag: the values where they are a fixed list. */
export function placeholderOf(
  flag: string,
  { choices, isList = false }: Setting<unknown>["type"],
): string {
  if (choices !== undefined) return choices.join("|");
  return flag === "data" || isList ? "DIR" : flag.split("-").at(-1)!.toUpperCase();
}
