/** The types that settings have: how their text is read, and what a fault says was wanted. */
import { Cron } from "croner";

/** A permission that Deno grants by path. */
export type PathPermission = "read" | "write" | "ffi";

/** A type of setting. */
export interface SettingType<T> {
  /** What is expected, to follow "expected ". */
  readonly wanted: string;
  /** The values, where they are a fixed list of which one is given. */
  readonly choices?: readonly string[];
  /** The least and the greatest value, as help shows them. */
  readonly range?: string;
  /**
   * Reads the text of a flag or of an environment variable.
   *
   * @returns undefined when the text is not of the type.
   */
  parse(text: string): T | undefined;
  /** The value as a user would write it; never a secret's. */
  show(value: T): string;
  /** Whether no fault may tell what was given. */
  readonly isSecret?: boolean;
  /** Whether a flag may come more than once: its values are joined by commas. */
  readonly isList?: boolean;
  /** For a path: which permissions of Deno its use requires. */
  readonly permissions?: readonly PathPermission[];
}

/** A value that must not be printed: every way of turning it into text hides it. */
export class Secret {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
  }
  /** The value itself, for a comparison or a header. */
  reveal(): string {
    return this.#value;
  }
  toString(): string {
    return "(secret)";
  }
  toJSON(): string {
    return "(secret)";
  }
}

const DURATIONS: readonly (readonly [unit: string, ms: number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
];
const SIZES: readonly (readonly [unit: string, bytes: number])[] = [
  ["TiB", 2 ** 40],
  ["GiB", 2 ** 30],
  ["MiB", 2 ** 20],
  ["KiB", 2 ** 10],
  ["B", 1],
];

function withUnit(
  units: typeof DURATIONS,
  example: string,
  { min, max }: { min: number; max: number },
): SettingType<number> {
  const show = (value: number) => {
    const [unit, factor] = units.find(([, factor]) => value >= factor && value % factor === 0) ??
      units[units.length - 1];
    return `${value / factor}${unit}`;
  };
  const range = `${show(min)} to ${show(max)}`;
  return {
    wanted: `${example}, ${range}`,
    range,
    parse: (text) => {
      const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text.trim());
      const unit = units.find(([name]) => name.toLowerCase() === match?.[2].toLowerCase());
      if (!match || !unit) return undefined;
      const value = Math.round(Number(match[1]) * unit[1]);
      return value >= min && value <= max ? value : undefined;
    },
    show,
  };
}

/** A duration such as `500ms`, `10s`, `1m`, `24h` or `7d`, as milliseconds within `min`..`max`. */
export function duration(range: { min: number; max: number }): SettingType<number> {
  return withUnit(DURATIONS, "a duration such as 500ms, 10s, 1m or 24h", range);
}

/** A size such as `512MiB` or `4GiB`, as bytes within `min`..`max`. */
export function size(range: { min: number; max: number }): SettingType<number> {
  return withUnit(SIZES, "a size such as 512MiB or 4GiB", range);
}

/** A whole number within `min`..`max`; with `powerOfTwo`, one of 1, 2, 4, 8 and so on. */
export function whole(
  { min, max, powerOfTwo = false }: { min: number; max: number; powerOfTwo?: boolean },
): SettingType<number> {
  const range = `${min} to ${max}`;
  return {
    wanted: `a ${powerOfTwo ? "power of two" : "whole number"}, ${range}`,
    range: powerOfTwo ? `a power of two, ${range}` : range,
    parse: (text) => {
      const value = /^\d{1,15}$/.test(text.trim()) ? Number(text) : NaN;
      const fits = value >= min && value <= max;
      return fits && (!powerOfTwo || Number.isInteger(Math.log2(value))) ? value : undefined;
    },
    show: String,
  };
}

/** A text that matches `pattern`. */
export function text(wanted: string, pattern: RegExp): SettingType<string> {
  return {
    wanted,
    parse: (value) => pattern.test(value) ? value : undefined,
    show: (value) => value,
  };
}

/** The path of a file or a folder. */
export function path(
  of: "file" | "folder",
  ...permissions: PathPermission[]
): SettingType<string> {
  return { ...text(`a ${of}'s path`, /^[^\0]+$/), permissions };
}

/** Paths of folders with commas between. */
export function folders(...permissions: PathPermission[]): SettingType<readonly string[]> {
  return {
    wanted: "paths of folders, with commas between",
    parse: (text) => {
      const paths = text.split(",").map((path) => path.trim());
      return paths.every((path) => /^[^\0]+$/.test(path)) ? paths : undefined;
    },
    show: (paths) => paths.join(","),
    permissions,
    isList: true,
  };
}

/** One of a fixed list of texts. */
export function choice<const C extends string>(...values: C[]): SettingType<C> {
  return {
    wanted: `one of ${values.join(", ")}`,
    choices: values,
    parse: (value) => values.find((known) => known === value),
    show: (value) => value,
  };
}

/** Some of a fixed list of texts, with commas between; told in the order of that list. */
export function some<const C extends string>(...values: readonly C[]): SettingType<readonly C[]> {
  return {
    wanted: `some of ${values.join(",")}`,
    parse: (text) => {
      const given = text.split(",").map((each) => each.trim());
      if (given.some((each) => !(values as readonly string[]).includes(each))) return undefined;
      return values.filter((value) => given.includes(value));
    },
    show: (value) => value.join(","),
  };
}

/** On or off. */
export const onOff: SettingType<boolean> = {
  wanted: "true or false",
  parse: (value) => {
    if (/^(true|1|on|yes)$/i.test(value)) return true;
    return /^(false|0|off|no)$/i.test(value) ? false : undefined;
  },
  show: String,
};

/** A cron schedule of five fields, UTC, that some day of the calendar matches. */
export const schedule: SettingType<string> = {
  wanted: "a cron schedule of five fields, UTC, such as */5 * * * *",
  parse: (value) => {
    try {
      const cron = new Cron(value, { timezone: "UTC", paused: true, mode: "5-part" });
      return cron.nextRun(new Date(0)) === null ? undefined : value.trim();
    } catch {
      return undefined;
    }
  },
  show: (value) => value,
};

/** A secret of 16 to 256 printable ASCII characters without spaces. */
export const secret: SettingType<Secret> = {
  wanted: "a secret of 16 to 256 printable characters without spaces",
  parse: (value) => /^[\x21-\x7e]{16,256}$/.test(value) ? new Secret(value) : undefined,
  show: () => "(secret)",
  isSecret: true,
};

/** Up to two secrets, so that one can be replaced while the other still works; spaces, commas or line
 * breaks separate them. */
export const secrets: SettingType<readonly Secret[]> = {
  wanted: "one or two secrets of 16 to 256 printable characters without spaces and commas",
  parse: (value) => {
    const given = value.split(/[\s,]+/).filter((each) => each !== "").map(secret.parse);
    const valid = given.filter((each) => each !== undefined);
    return valid.length === given.length && given.length >= 1 && given.length <= 2
      ? valid
      : undefined;
  },
  show: () => "(secret)",
  isSecret: true,
};

/** Host names with commas between, in lower case. */
export const hostNames: SettingType<readonly string[]> = {
  wanted: "host names without ports, with commas between, such as twofold.example.com",
  parse: (value) => {
    const names = value.split(",").map((name) => name.trim().toLowerCase());
    return names.every((name) => /^[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9_])?$/.test(name))
      ? names
      : undefined;
  },
  show: (value) => value.join(","),
};

/** A password or key that another server made. */
export const password: SettingType<Secret> = {
  wanted: "a password of 1 to 256 characters",
  parse: (value) => value.length <= 256 ? new Secret(value) : undefined,
  show: () => "(secret)",
  isSecret: true,
};
