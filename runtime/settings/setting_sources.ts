/** Which value a setting has and where that comes from. */
import { type ConfigInput, givenValue, readConfig, settings } from "./config.ts";
import type { Setting } from "./setting.ts";

/** A setting as a process has it. */
export interface SettingSource {
  /** Its name in the configuration. */
  readonly setting: string;
  /** Null where a command line is no place for it. */
  readonly flag: string | null;
  readonly variable: string;
  /** As a user would write it, never a secret's; null where it is left open. */
  readonly value: string | null;
  readonly source: "flag" | "variable" | "default";
}

/**
 * Every setting with its value and where that comes from.
 *
 * @throws {ConfigError} as {@link readConfig} does.
 * @example
 * ```ts
 * import { settingSources } from "./setting_sources.ts";
 * const [port] = settingSources({ command: "start", env: { TWOFOLD_PORT: "9000" } });
 * if (port.value !== "9000" || port.source !== "variable") throw new Error("unexpected");
 * ```
 */
export function settingSources(input: ConfigInput): SettingSource[] {
  const config = readConfig(input);
  return Object.entries(settings as Record<string, Setting<unknown>>).map(([name, setting]) => {
    const { flag, env: variable, type } = setting;
    const value = config[name as keyof typeof settings];
    const given = givenValue(setting, input.flags ?? {}, input.env ?? {});
    const source = given === null ? "default" : given.setting === variable ? "variable" : "flag";
    const text = value === null ? null : type.show(value);
    return {
      setting: name,
      flag: flag === null ? null : `--${flag}`,
      variable,
      value: text,
      source,
    };
  });
}
