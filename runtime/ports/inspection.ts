/**
 * What people look at beside the metrics: records, dead letters, catalogs, rows of their own SQL.
 * Routes and commands ask; nothing here changes what is counted.
 */
import type { Page } from "../std/page_cursor.ts";
import type { RecordPlace } from "./dead_letters.ts";

/** A column of rows. */
export interface AnswerColumn {
  readonly name: string;
  /** `instant`, `integer`, `decimal`, `number`, `list`, or the kind of a key's field. */
  readonly type: string;
  /** What one of its numbers is, as the plugin declares it; left out where it declares none. */
  readonly unit?: string;
}

/** A record of a log as people look at it. */
export interface RecordView {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  /** ISO 8601. */
  readonly append_time: string;
  readonly kind: "event" | "tick" | "dead-letter";
  /** The event's declared fields, as they are understood; null for the other kinds. */
  readonly event: Readonly<Record<string, unknown>> | null;
  /** The record's text, cut off after 4 KiB. */
  readonly text: string;
}

/** Which records to show, as text, straight from a request. */
export interface RecordQuery {
  /** Default: the only topic. */
  readonly topic?: string;
  /** Default: all partitions. */
  readonly partition?: string;
  /** {@link Page.next} of the page before: older records. */
  readonly before?: string;
  /** {@link RecordPage.newest} of an earlier answer: records behind that, oldest first. */
  readonly after?: string;
  /** An offset of the one partition: it and older records. */
  readonly offset?: string;
  /** ISO 8601, in UTC where it has no zone: records appended up to then. */
  readonly time?: string;
  /** A declared field: only events with {@link RecordQuery.value}. */
  readonly field?: string;
  /** Its value as text. */
  readonly value?: string;
  /** How many records a search by a field looks through, 1 to 200,000; default 20,000. */
  readonly scan?: string;
  /** 1 to 1,000; default 50. */
  readonly limit?: string;
}

/** How far a search got; its next page goes on below. */
export interface RecordScan {
  /** Records that it looked through. */
  readonly records: number;
  /** Older ones that the log holds and that it did not look at. */
  readonly left: number;
  /** The append time down to which it knows everything, ISO 8601; null where it came to the end. */
  readonly back_to: string | null;
}

/** A record with its bytes. */
export interface WholeRecord extends RecordView {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Records: the newest first, or after a position the oldest first. */
export interface RecordPage extends Page<RecordView> {
  /** Opaque: where the newest of these records ends; for `after`. */
  readonly newest: string;
  /** Of a search by a field; else null. */
  readonly scanned: RecordScan | null;
}

/** Looks into the logs. */
export interface Records {
  /** @throws UserError naming the field. */
  list(query: RecordQuery, signal?: AbortSignal): Promise<RecordPage>;
  /** The declared fields of a topic's events; none where there is no such topic. */
  fields(topic: string): readonly string[];
  /** @throws NotFoundError where the log holds no record there; UserError naming the field. */
  one(place: RecordPlace, signal?: AbortSignal): Promise<WholeRecord>;
}

/** What a client may know of a catalog. */
export interface CatalogInfo {
  readonly name: string;
  readonly summary: string;
  /** The key column first. */
  readonly columns: readonly AnswerColumn[];
  readonly rows: number;
  /** When it was put, ISO 8601; null when it never was. */
  readonly updated: string | null;
}

/** Which entries of a catalog to show, as text, straight from a request. */
export interface CatalogQuery {
  /** Words that an entry contains, in upper or lower case. */
  readonly search?: string;
  /** Keys, with commas between. */
  readonly keys?: string;
  readonly after?: string;
  /** 1 to 10,000; default 100. */
  readonly limit?: string;
}

/** A part of a catalog. */
export interface CatalogPage extends Page<Readonly<Record<string, unknown>>> {
  readonly catalog: string;
  readonly columns: readonly AnswerColumn[];
}

/** What a put of a catalog came to. */
export interface CatalogPut {
  readonly catalog: string;
  readonly rows: number;
}

/** Small tables that are joined when a metric is read. */
export interface Catalogs {
  list(signal?: AbortSignal): Promise<CatalogInfo[]>;
  /** In the order of the keys. @throws NotFoundError; UserError naming the field. */
  get(name: string, query: CatalogQuery, signal?: AbortSignal): Promise<CatalogPage>;
  /**
   * Replaces a catalog as a whole, durably before it returns; readers see the old or the new one.
   *
   * @throws NotFoundError; UserError naming line, field, what was expected and what came: then nothing
   * has changed.
   */
  put(
    name: string,
    body: ReadableStream<Uint8Array>,
    format: "ndjson" | "json-array" | "csv",
  ): Promise<CatalogPut>;
}

/** What a plugin's author wrote, and the relations that come of it. */
export interface PluginText {
  readonly plugin: string;
  /** Such as `plugins/ratings.ts`. */
  readonly file: string;
  readonly source: string;
  readonly batch_sql: string;
  /** The views that people's own SQL reads, by layer. */
  readonly relations: { readonly speed: string; readonly batch: string; readonly merged: string };
}

/** Options of a statement. */
export interface SqlOptions {
  /** The most rows of this page, 1 to 1,000,000; default 1,000. */
  readonly limit?: number;
  /** {@link SqlEnd.next} of the page before. */
  readonly after?: string;
  /** Ends the statement. */
  readonly signal?: AbortSignal;
}

/** Read-only SQL by people. */
export interface SqlConsole {
  /**
   * Runs one SELECT (or EXPLAIN, SHOW, DESCRIBE, EXISTS), bounded in rows, bytes, time, memory and
   * what it may read. A number that JSON's readers would round is a text of its digits.
   *
   * @throws UserError with the engine's message or with what to do, when the statement is refused;
   * BusyError when too many others are under way.
   */
  query(sql: string, options?: SqlOptions): Promise<SqlAnswer>;
  /**
   * The same, with the rows as they are made: one block of them is in memory at a time. The time
   * bound includes the time that the reader takes.
   */
  open(sql: string, options?: SqlOptions): Promise<SqlRows>;
  /** How many statements there are now. */
  readonly load: SqlLoad;
}

/** A row by its columns. */
export type SqlRow = Readonly<Record<string, unknown>>;

/** How the rows of a statement end. */
export interface SqlEnd {
  /** Whether there are more rows than were asked for. */
  readonly truncated: boolean;
  /**
   * For the next page, which runs the statement again: where that has no ORDER BY, pages may overlap.
   * Null when there are no more rows.
   */
  readonly next: string | null;
  readonly seconds: number;
}

/** Rows of a statement. */
export interface SqlAnswer extends SqlEnd {
  readonly columns: readonly AnswerColumn[];
  readonly rows: readonly SqlRow[];
}

/** Rows of a statement, as they are made. */
export interface SqlRows {
  readonly columns: readonly AnswerColumn[];
  /** Has to be read to its end or returned. Throws what ends the statement early. */
  readonly blocks: AsyncGenerator<readonly SqlRow[], SqlEnd, void>;
}

/** Statements by their state. */
export interface SqlLoad {
  readonly running: number;
  /** Those that wait for their turn. */
  readonly waiting: number;
  /** Those that run on after their time is up, because the engine cannot stop them. */
  readonly stuck: number;
  /** Those that were ever stuck since the process started. */
  readonly stuck_total: number;
}
