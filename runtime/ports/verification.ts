/** The verification of stored data. */

/** Something stored that is not what was written. */
export interface Finding {
  readonly code: "archive_damaged" | "log_damaged" | "warehouse_damaged";
  /** The name of a file, or a table and its part. */
  readonly object: string;
  /** What is wrong with it, as a clause. */
  readonly damage: string;
  /** What to do. */
  readonly advice: string;
}

/** What {@link Verification.verify} looked at and found. */
export interface VerifyReport {
  readonly ok: boolean;
  /** Whether only names, sizes and counts were compared. */
  readonly fast: boolean;
  readonly manifests: number;
  /** Files of the archive, and their bytes. */
  readonly files: number;
  readonly bytes: number;
  readonly tables: number;
  readonly findings: readonly Finding[];
  /** Damage that an operator has accepted: it is no finding. */
  readonly accepted: readonly AcceptedDamage[];
}

/** How far the scrub is, which verifies everything slowly and again and again. */
export interface ScrubStatus {
  /** When the pass under way began, ISO 8601; null between two passes. */
  readonly started: string | null;
  /** When the last whole pass ended, ISO 8601; null before the first. */
  readonly finished: string | null;
  /** Bytes read in this pass; those of the log come on top of the total. */
  readonly checked_bytes: number;
  readonly total_bytes: number;
}

/** A damaged file of the archive whose loss an operator has accepted. */
export interface AcceptedDamage {
  /** The file's name. */
  readonly object: string;
  /** Events or dead letters that are lost with it. */
  readonly rows: number;
  readonly reason: string;
  readonly by: string;
  /** ISO 8601. */
  readonly at: string;
}

/** Looks whether everything stored is what was written. */
export interface Verification {
  /**
   * Verifies archive, claims, published runs, tables and log. What it finds becomes a problem; what
   * is right again clears its problem.
   *
   * @param options.fast names, sizes and counts only: no file's bytes are read.
   */
  verify(options?: { fast?: boolean; signal?: AbortSignal }): Promise<VerifyReport>;
  /**
   * Goes on without a damaged file of the archive, for good: its events count nowhere from the next
   * run of their day on. Recorded in the archive.
   *
   * @throws NotFoundError when no manifest lists such a file; UserError when the file is not damaged.
   */
  accept(damage: { object: string; reason: string; by: string }): Promise<AcceptedDamage>;
  /** How far the scrub is; null where there is none. */
  scrub(): ScrubStatus | null;
}
