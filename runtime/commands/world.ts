/** What the commands need of the world: given by `main.ts`, and by fakes in tests. */
import type { Clock } from "../std/clock.ts";
import type { OwnerInfo } from "../engine/data_folder.ts";
import type { Engine, EngineOptions } from "../engine/engine.ts";
import type { Inspection } from "../engine/inspect_declarations.ts";
import type { PluginFolder } from "../engine/plugin_folders.ts";
import type { Config } from "../settings/config.ts";
import type { Check } from "../ports/check.ts";
import type { CatalogFormat, RowFormat } from "../row_format.ts";
import type { Source } from "../source.ts";

/** The engine as commands use it. */
export type RunningEngine = Omit<Engine, "logs" | "store" | "warehouse">;

/** A server that listens. */
export interface Listener {
  /** Where it is reached, `http://127.0.0.1:8000`. */
  readonly url: string;
  /** Stops listening and lets answers under way end. */
  shutdown(): Promise<void>;
}

/** Where a command writes. */
export interface Terminal {
  write(text: string | Uint8Array): void;
  /** Whether nobody reads any more (`twofold query … | head`): what goes on writing can end. */
  readonly closed: boolean;
  /** Whether a person watches: then lines may be written over. */
  readonly tty: boolean;
  readonly colours: boolean;
  /** The width in characters. */
  readonly columns: number;
}

/** The process that owns a data folder. */
export type Owner = Pick<OwnerInfo, "pid" | "url">;

/** What `plugins/*.format.ts` and `plugins/*.source.ts` declare. */
export interface DeclaredInputs {
  readonly formats: readonly RowFormat[];
  readonly catalogFormats: readonly CatalogFormat[];
  readonly sources: readonly Source[];
  /** Why each of the others is not used. */
  readonly faults: readonly string[];
}

/** Loads parts of the engine, to see whether they can be. */
export interface Inspect {
  /** Loads ClickHouse's library. @returns its path. @throws UserError telling what is missing. */
  library(path: string | null): string;
  /**
   * Checks the plugins and catalogs. @throws UserError when no plugin loads.
   *
   * @param dirs the folders of plugins.
   * @param library ClickHouse's; null to leave SQL unread.
   */
  plugins(dirs: readonly string[], library: string | null): Promise<Inspection>;
  /**
   * The message of each topic whose schema does not fit what is archived.
   *
   * @throws UserError when no plugin loads; ExternalError when the archive cannot be read.
   */
  schemas(config: Config): Promise<readonly string[]>;
  /**
   * Looks at the servers that the settings name; nothing where they name none.
   *
   * @param topics of the plugins.
   */
  servers(config: Config, topics: readonly string[]): AsyncIterable<Check>;
}

/** How a command opens the engine. */
export type OpenOptions = Pick<
  EngineOptions,
  "onProblem" | "onNotice" | "onSources" | "claims"
>;

/** Everything outside the commands. */
export interface World {
  readonly openEngine: (config: Config, options: OpenOptions) => Promise<RunningEngine>;
  /**
   * @param report called with each fault that an answer does not explain.
   * @throws ExternalError when the port is taken.
   */
  readonly serve: (
    engine: RunningEngine,
    config: Config,
    report: (error: unknown) => void,
  ) => Promise<Listener>;
  /**
   * Yields the reasons to load the plugins again: "SIGHUP", or the files that changed.
   *
   * @param watched folders of plugins whose files ask for it when they change.
   */
  readonly reloadRequests: (
    watched: readonly PluginFolder[],
    signal: AbortSignal,
  ) => AsyncIterable<readonly string[]>;
  /** @throws what reading a file throws. */
  readonly readText: (path: string) => Promise<string>;
  readonly readOwner: (dir: string) => Promise<Owner | null>;
  /** Whether there is a folder, or anything else, at a path. */
  readonly hasFolder: (dir: string) => Promise<boolean>;
  /**
   * Called by commands that read files or make events up; at most once.
   *
   * @param dirs the folders of plugins.
   */
  readonly inputs: (dirs: readonly string[]) => Promise<DeclaredInputs>;
  /** What doctor looks at and only the composition root knows. */
  readonly inspect: Inspect;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** The ClickHouse database where no setting names one. */
  readonly database: string;
  /** The folder of `main.ts`, which holds `plugins/` and `sql/`. */
  readonly root: string;
  /** Whether this is the executable, which has its files within. */
  readonly standalone: boolean;
  /** Asks the person at the terminal; null where there is none. @returns what they type, or `standard`. */
  readonly ask: ((question: string, standard: string) => string) | null;
  /**
   * Runs Deno as a process of its own that shares the terminal, and ends it when `stop` aborts.
   *
   * @returns its exit code.
   * @throws UserError where this process may start none.
   */
  readonly runDeno: (args: readonly string[]) => Promise<number>;
  /** Standard input; asked for at most once. */
  readonly input: () => ReadableStream<Uint8Array>;
  /** For what was asked. */
  readonly out: Terminal;
  /** For progress and faults. */
  readonly err: Terminal;
  /** Aborts when the user or the supervisor wants the process to end. */
  readonly stop: AbortSignal;
}
