import type { SettingType } from "./setting_types.ts";

/** The commands, as far as settings differ by them. */
export type Command =
  | "dev"
  | "start"
  | "replay"
  | "produce"
  | "batch"
  | "batch cancel"
  | "plugins prune"
  | "plugins pause"
  | "plugins resume"
  | "plugins rebuild"
  | "plugins drop"
  | "plugins inspect"
  | "plugins list"
  | "plugins reload"
  | "test"
  | "new plugin"
  | "new schema"
  | "status"
  | "verify"
  | "verify accept"
  | "query"
  | "events tail"
  | "dead-letters"
  | "dead-letters show"
  | "dead-letters redrive"
  | "catalog"
  | "catalog show"
  | "catalog put"
  | "drift"
  | "drift accept"
  | "sql"
  | "doctor";

/** What a process may do. */
export const ROLES = ["ingest", "speed", "archive", "batch", "serve"] as const;

/** Something that a process may do. */
export type Role = typeof ROLES[number];

/** What a default may depend on. */
interface DefaultContext {
  readonly command: Command;
  readonly machineMemoryBytes: number;
  readonly database: string;
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

/** One setting that cannot be used. */
export interface ConfigFault {
  /** The flag or variable as the user wrote it: `--port`, `TWOFOLD_PORT`. */
  readonly setting: string;
  readonly wanted: string;
  /** What came, in quotes; never a secret. */
  readonly got: string;
}
