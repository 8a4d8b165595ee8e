import type { BatchRun, IngestAnswer, Status } from "../services.ts";

/** A batch run as it is told: its cut as an opaque text. */
export type RunReport = Omit<BatchRun, "cut">;

/** What a command works on: the running process, or the data folder itself. */
export interface Target {
  /** What it is, in words: for messages. */
  readonly name: string;
  /**
   * Takes a chunk of NDJSON, durably before it returns; a lost answer is asked for again, which
   * repeats identities and so counts nothing twice.
   *
   * @param topic may be left out when there is one.
   */
  ingest(bytes: Uint8Array<ArrayBuffer>, topic?: string): Promise<IngestAnswer>;
  status(): Promise<Status>;
  /** Runs the batch layer of every topic once; null where nothing is new. */
  batch(options: { full: boolean }): Promise<(RunReport | null)[]>;
  close(): Promise<void>;
}
