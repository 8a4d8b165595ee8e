import type {
  BatchRun,
  IngestAnswer,
  PluginStatus,
  PluginText,
  RebuildAnswer,
  RebuildRequest,
  Services,
  Serving,
  VerifyReport,
} from "../ports/services.ts";

/** A batch run as it is told: its cut as an opaque text. */
export type RunReport = Omit<BatchRun, "cut"> & { readonly cut: string };

/** What came of a rebuild, as it is told. */
export type RebuildReport = Omit<RebuildAnswer, "run"> & { readonly run: RunReport | null };

/** All of one plugin. */
export interface InspectedPlugin extends PluginText {
  readonly status: PluginStatus;
}

/** What a command may ask: the same whether a process answers or the data folder. */
export interface Questions extends Pick<Services, "drifts" | "catalogs" | "status" | "memory"> {
  readonly records: Pick<Services["records"], "list">;
  readonly deadLetters: Pick<Services["deadLetters"], "list" | "one" | "redrive">;
  readonly sql: Pick<Services["sql"], "open">;
  readonly query: Serving["query"];
}

/** What a command works on: the running process, or the data folder itself. */
export interface Target extends Questions, AsyncDisposable {
  /** What it is, in words: for messages. */
  readonly name: string;
  /** Whether it is the data folder, opened here: then nothing else writes into it. */
  readonly own: boolean;
  /**
   * Takes a chunk of events, durably before it returns; a lost answer is asked for again, which
   * repeats identities and so counts nothing twice.
   *
   * @param topic may be left out when there is one.
   */
  ingest(
    bytes: Uint8Array<ArrayBuffer>,
    format: string,
    topic?: string,
  ): Promise<IngestAnswer>;
  /** Compares what is stored with what was written. */
  verify(options: { fast: boolean }): Promise<VerifyReport>;
  /** Goes on without a damaged file of the archive. */
  acceptDamage: Services["verification"]["accept"];
  /** Runs the batch layer of every topic once; null where nothing is new. */
  batch(options: { full: boolean }): Promise<(RunReport | null)[]>;
  /**
   * Cancels a run; resolves once it has ended. See `BatchLayer.cancel()`.
   *
   * @param topic may be left out when there is one.
   */
  cancelRun(run: number, by: string, topic?: string): Promise<RunReport>;
  /** @throws NotFoundError when there is no such plugin. */
  plugin(name: string): Promise<InspectedPlugin>;
  /** Loads the plugins' files again. */
  reloadPlugins: Services["reloadPlugins"];
  readonly lifecycle: Pick<Services["lifecycle"], "pause" | "resume" | "drop"> & {
    rebuild(name: string, request: RebuildRequest): Promise<RebuildReport>;
  };
  /** Removes what no metric answers from; returns the names of tables and relations. */
  prunePlugins(): Promise<string[]>;
}
