/** Variables that look like settings and are none. */
import { SECRET_FILE, settings } from "./config.ts";
import type { Setting } from "./setting.ts";

const PREFIX = "TWOFOLD_";
const LETTERS = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"];
/** Words that settings of other programs have. */
const GUESSES = ["DIR", "FOLDER", "HOST", "NAME", "PASS", "SERVER", "SERVERS", "USERNAME"];

/**
 * Variables that are set and whose names are nearly those of settings: a letter or a word is missing,
 * added, replaced or swapped with the next. Deno lists variables only to a process that may read all
 * of them, so each name is looked up; all take about 40 ms.
 *
 * @returns their names, sorted.
 * @example
 * ```ts
 * import { misspeltVariables } from "./misspelt_variables.ts";
 * const [name] = misspeltVariables({ TWOFOLD_PROT: "80", TWOFOLD_PORT: "80", PATH: "" });
 * if (name !== "TWOFOLD_PROT") throw new Error("unexpected");
 * ```
 */
export function misspeltVariables(
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  const known = (Object.values(settings) as Setting<unknown>[]).flatMap(({ env, type }) =>
    type.isSecret ? [env, env + SECRET_FILE] : [env]
  ).map((name) => name.slice(PREFIX.length));
  const words = [...new Set([...known.flatMap((name) => name.split("_")), ...GUESSES])];
  const found = new Set<string>();
  const lookUp = (name: string) => {
    if (env[PREFIX + name] !== undefined) found.add(name);
  };
  for (const name of known) {
    neighbours([...name], LETTERS, "").forEach(lookUp);
    neighbours(name.split("_"), words, "_").forEach(lookUp);
  }
  return [...found].filter((name) => !known.includes(name)).map((name) => PREFIX + name).sort();
}

/** All texts that are one step from the items of a list. */
function* neighbours(list: readonly string[], alphabet: readonly string[], separator: string) {
  for (let at = 0; at <= list.length; at++) {
    const before = list.slice(0, at).map((item) => item + separator).join("");
    const [from, after] = [at, at + 1].map((first) =>
      list.slice(first).map((item) => separator + item).join("")
    );
    for (const item of alphabet) {
      yield before + item + from;
      yield before + item + after;
    }
    yield list.toSpliced(at, 1).join(separator);
    if (at + 1 < list.length) yield list.toSpliced(at, 2, list[at + 1], list[at]).join(separator);
  }
}
