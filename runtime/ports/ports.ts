/**
 * The ports: what the layers need of the world. Every adapter of a port passes the port's suite in
 * `tests/conformance/`; nothing above a port knows which adapter runs.
 */
import type { Columns, DecodeFault } from "../model/columns.ts";
import type { Cut } from "../model/frontier.ts";

// ---------------------------------------------------------------------------------------------
// The log

/** Positions by partition: `frontier[p]` is the next offset of partition `p`. */
export type Frontier = bigint[];

/** What a record is, by {@link RecordChunk.kind}. */
export const RecordKind = { event: 0, tick: 1 } as const;

/** A run of records of one partition as bytes in columns; no object per record. */
export interface RecordChunk {
  readonly partition: number;
  /** Where the read stood. */
  readonly from: bigint;
  /** Where the next read continues (exclusive): the fetch position, at least the last offset + 1. */
  readonly to: bigint;
  /** Records in the chunk; 0 at the end of the log, and where a range holds nothing. */
  readonly count: number;
  /** Offset of record `i` minus `from`; ascending, gaps are legal. */
  readonly offsetDelta: Uint32Array;
  /** When the log took record `i`, in milliseconds since 1970 UTC. */
  readonly appendMs: Float64Array;
  /** One of {@link RecordKind}. */
  readonly kind: Uint8Array;
  /** All values; never changed once handed out. */
  readonly bytes: Uint8Array;
  readonly valueStart: Uint32Array;
  readonly valueEnd: Uint32Array;
}

/** Records on their way into the log. Built by `AppendBuffer` in `runtime/log/`. */
export interface RecordsToAppend {
  readonly count: number;
  readonly bytes: Uint8Array;
  readonly keyStart: Uint32Array;
  readonly keyEnd: Uint32Array;
  readonly valueStart: Uint32Array;
  readonly valueEnd: Uint32Array;
}

/** Options of {@link EventLog.read}. */
export interface ReadOptions {
  /** The most records to return. Default 8192. */
  readonly maxRecords?: number;
  /** Stop after this many bytes of values (at least one record is returned). Default 4 MiB. */
  readonly maxBytes?: number;
}

/** One topic of a partitioned, append-only log. */
export interface EventLog {
  readonly topic: string;
  /**
   * The log's identity: region, topic and incarnation as one text of `[0-9a-z-]`, ordered by
   * creation. Offsets of different identities are never compared.
   */
  readonly id: string;
  /** How many partitions there are; may grow, never shrinks. */
  partitionCount(): number;
  /** The first offset still held and the end (exclusive). */
  bounds(partition: number): Promise<{ start: bigint; end: bigint }>;
  /**
   * Appends records, each to the partition of its key, in order within a partition. Concurrent calls
   * may share one commit.
   *
   * @returns once durable, the frontier behind the appended records: for each partition that took
   * some, the offset after the last of them; for the others 0.
   * @throws ExternalError (retriable) when the log cannot take them; then none was acknowledged.
   */
  append(records: RecordsToAppend): Promise<Frontier>;
  /** Appends a tick, which ends the open block. Called by the pacemaker; a second one is harmless. */
  appendTick(partition: number): Promise<bigint>;
  /**
   * Reads on from `from`. Called by each reader in a loop, concurrently for different readers.
   *
   * @throws LogGapError when `from` lies below the start or beyond the end of the log.
   */
  read(partition: number, from: bigint, options?: ReadOptions): Promise<RecordChunk>;
  /** Resolves when the partition's end lies beyond `from`, or when `signal` aborts. */
  changed(partition: number, from: bigint, signal: AbortSignal): Promise<void>;
  /** Forgets whole stored chunks below `below` (exclusive); a hint, never more than asked. */
  trim(partition: number, below: bigint): Promise<void>;
  close(): Promise<void>;
}

// ---------------------------------------------------------------------------------------------
// Sharing the work

/** What falls to one process of those that share a topic. A new object whenever it changes. */
export interface Assignment {
  /** Partitions whose windows it computes. */
  readonly speed: ReadonlySet<number>;
  /** Partitions that it archives. */
  readonly archive: ReadonlySet<number>;
  /** Whether it does what one process at a time should: batch runs, compaction, retention. */
  readonly batch: boolean;
}

/**
 * A process's part in a topic. It says who should work, never who may: two processes that both take
 * a partition for theirs write the same values, so nothing has to be handed over.
 */
export interface Membership {
  /** Whether other processes may have a part too: then the tables tell how far they are. */
  readonly shared: boolean;
  /** What falls to this process now; nothing before {@link Membership.run}. */
  assignment(): Assignment;
  /** Resolves when the assignment is another one than `known`, or when `signal` aborts. */
  changed(known: Assignment, signal: AbortSignal): Promise<void>;
  /** Why this process takes no part at the moment; null while it does. */
  readonly error: Error | null;
  /**
   * Takes part until `signal` aborts, and then leaves. Called once.
   *
   * @param progress how far this process's partitions are, for other people's tools.
   */
  run(signal: AbortSignal, progress: () => ReadonlyMap<number, bigint>): Promise<void>;
}

// ---------------------------------------------------------------------------------------------
// Decoding

/** Turns records into columns, one chunk at a time. Not shared between callers: it has scratch. */
export interface Decoder {
  /**
   * Fills `columns` with every record of `chunk` (whose count is at most the capacity).
   *
   * @returns the records that could not be decoded, by row; their status is `deadLetter`.
   */
  decode(chunk: RecordChunk, columns: Columns): DecodeFault[];
}

// ---------------------------------------------------------------------------------------------
// The object store

/** What {@link ObjectStore.list} tells of an object. */
export interface ObjectInfo {
  readonly name: string;
  readonly sizeBytes: number;
}

/** Named, immutable byte strings; names are paths with "/" between `[A-Za-z0-9._=-]` segments. */
export interface ObjectStore {
  /**
   * Stores bytes under a name; readers see all of it or nothing.
   *
   * @param options.ifAbsent fail instead of replacing.
   * @returns false when `ifAbsent` was set and the name was taken; else true.
   */
  put(name: string, bytes: Uint8Array, options?: { ifAbsent?: boolean }): Promise<boolean>;
  /** @returns the bytes, or null when there is no such object. */
  get(name: string): Promise<Uint8Array | null>;
  /**
   * The bytes of an object in pieces, for objects that need not fit in memory. A reader that stops
   * early cancels the stream.
   *
   * @returns null when there is no such object.
   */
  stream(name: string): Promise<ReadableStream<Uint8Array> | null>;
  /**
   * Objects whose names start with `prefix`, in byte order of their names, those after `after`
   * (exclusive) only.
   */
  list(prefix: string, after?: string): AsyncIterable<ObjectInfo>;
  /** Removes an object; no error when there is none. */
  remove(name: string): Promise<void>;
  /**
   * The ClickHouse table function that reads Parquet objects: `glob` is a name with `{a,b}` and `*`,
   * `structure` an explicit column list. Both come as literals, safely quoted by the adapter.
   */
  tableFunction(glob: string, structure: string): string;
}

// ---------------------------------------------------------------------------------------------
// The warehouse

/** Bound parameters: `{name:Type}` in the SQL. Dates are given as text or numbers, a cut as it is. */
export type QueryParams = Readonly<
  Record<
    string,
    string | number | bigint | boolean | readonly (string | number | bigint | boolean)[] | Cut
  >
>;

/** Options of every statement. */
export interface StatementOptions {
  readonly params?: QueryParams;
  /** ClickHouse settings of this statement only. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Cancels the statement in the engine. */
  readonly signal?: AbortSignal;
}

/** ClickHouse, embedded or a server. */
export interface Warehouse {
  /** The database that unqualified names mean. */
  readonly database: string;
  /** The cluster whose servers share the tables; null where one server holds all of them. */
  readonly cluster: string | null;
  /**
   * Runs a SELECT and returns its rows as objects (JSONEachRow). 64-bit integers and decimals come
   * as numbers, DateTime as ISO 8601 text with Z.
   *
   * @throws TwofoldError with ClickHouse's message; `retriable` where the engine was not reached.
   */
  query<Row = Record<string, unknown>>(sql: string, options?: StatementOptions): Promise<Row[]>;
  /** Runs a SELECT and streams its bytes in `format`. Cancelling the stream cancels the statement. */
  stream(
    sql: string,
    format: string,
    options?: StatementOptions,
  ): Promise<ReadableStream<Uint8Array>>;
  /** Runs a statement that returns nothing (DDL, INSERT … SELECT). */
  command(sql: string, options?: StatementOptions): Promise<void>;
  /**
   * Inserts rows in RowBinary as one atomic block: all become visible together or none.
   *
   * @param into table and columns: `speed_x (kind, partition)`.
   */
  insert(into: string, rows: Uint8Array, options?: StatementOptions): Promise<void>;
  /**
   * The same database over connections of its own: statements of the one do not wait for those of
   * the other. It is closed with this warehouse.
   *
   * @param connections the most statements at once.
   */
  apart(connections: number): Warehouse;
  close(): Promise<void>;
}

/** What is read from a warehouse. */
export type ReadableWarehouse = Pick<Warehouse, "database" | "query" | "stream">;

// ---------------------------------------------------------------------------------------------
// The archive, as the batch layer reads it

/** A Parquet file as its manifest describes it. */
export interface StoredFile {
  readonly name: string;
  readonly rows: number;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** One Parquet file of a block: the block's events of one event day. */
export interface ArchiveFile extends StoredFile {
  /** Event day, UTC: `2013-07-20`. */
  readonly day: string;
}

/** What the archive holds of one closed block. Written last: progress is what manifests say. */
export interface Manifest {
  /** The id of the decoding whose archive it belongs to; left out for the topic's first. */
  readonly decoding?: string;
  readonly log: string;
  readonly partition: number;
  /** Offsets covered, `[start, end)`; both are block bounds. */
  readonly start: bigint;
  readonly end: bigint;
  readonly records: number;
  readonly events: number;
  readonly deadLetters: number;
  /** Least and greatest event time in milliseconds since 1970 UTC; null without events. */
  readonly eventMs: readonly [number, number] | null;
  /** Least and greatest append time in milliseconds since 1970 UTC; null without records. */
  readonly appendMs: readonly [number, number] | null;
  readonly files: readonly ArchiveFile[];
  /** The ticks of a compacted range; a single block has at most one, which is its last record. */
  readonly ticks?: readonly ArchivedTick[];
  /**
   * The files of the dead letters: at most one of a block. Manifests of earlier builds leave it out;
   * that of a compacted range leaves it out where one of its blocks did.
   */
  readonly letters?: readonly StoredFile[];
}

/** A tick in a compacted range: the block that it ended is known by it. */
export interface ArchivedTick {
  readonly offset: bigint;
  /** Greatest append time of the block that it ended, in milliseconds since 1970 UTC. */
  readonly appendMs: number;
}

/** Gives back what the archive holds of one log, for who has to read below the log's start. */
export interface ArchivedRecords {
  /**
   * The offset below which the archive is read even where the log has the records: another decoding
   * archived them, and both layers take its values. 0 where the log is read as far as it goes.
   */
  decidesBelow(partition: number): bigint;
  /**
   * From where on the archive holds `[from, to)` up to its end without a hole: an offset of
   * `[from, to]`. Called once before {@link ArchivedRecords.read} goes there.
   */
  heldFrom(partition: number, from: bigint, to: bigint): Promise<bigint>;
  /**
   * Fills `columns` with the next records of `[from, to)` as decoding the log's own would; no row
   * where nothing lies. Values and bytes are those that were decoded when they were archived. A tick
   * has the greatest append time of its block. `columns.to` tells where the next read continues.
   * Called by each reader in a loop, concurrently for different readers.
   *
   * @returns the records that could not be decoded, by row.
   * @throws LogGapError when the archive does not hold `from`; ExternalError when it cannot be read.
   */
  read(partition: number, from: bigint, to: bigint, columns: Columns): Promise<DecodeFault[]>;
  /**
   * The greatest event time of the blocks that begin below `end`, in milliseconds since 1970 UTC; -1
   * where they have no event, null where the archive does not hold all of `[0, end)`.
   */
  lastEventMs(partition: number, end: bigint): Promise<number | null>;
}

/** Reads the archive of one topic. */
export interface ArchiveReader {
  /** How far every partition of every log is archived without a hole; block bounds. */
  frontier(): Promise<Cut>;
  /**
   * Manifests that cover `[base, cut)`, in the order of their offsets: of blocks, and of ranges of
   * blocks where these were compacted. Such a range may begin below the base or end above the cut.
   */
  manifests(base: Cut, cut: Cut): AsyncIterable<Manifest>;
  /**
   * The files that hold the rows of the given days (all days when null), as the manifests list them
   * now. No file is looked at.
   *
   * @throws DamagedError naming a manifest that is not as it was written.
   */
  files(days: readonly string[] | null): Promise<readonly ArchiveFile[]>;
  /**
   * Looks at the archive and compares the files of the given days (all days when null) with their
   * manifests: every file must be there with its size, and a file that this process reads for the
   * first time must have its hash. Called before statements over {@link relation}, and once more
   * before what they gave is published.
   *
   * @param options.sizes false: files that this process has hashed are not looked at again. Called so
   * between statements, which may take long together while compaction replaces files.
   * @param options.again true: files that this process has hashed are hashed again. Called so after a
   * statement could not read them.
   * @returns the files that hold the days' rows.
   * @throws DamagedError naming an object that is missing or not as it was written.
   */
  check(
    days: readonly string[] | null,
    options?: { readonly sizes?: boolean; readonly again?: boolean },
  ): Promise<readonly ArchiveFile[]>;
  /**
   * The SQL relation of all archived records of the given days (all days when null): the schema's
   * fields, `event_time`, `log`, `partition`, `offset`, `append_time`, `raw`. Not limited to a cut
   * and not de-duplicated: the batch layer does both. It reads the files that manifests list, as of
   * the last {@link check}, and no other; which rows they hold does not depend on when that was.
   *
   * @throws TwofoldError when `check()` was not called before; ExternalError when that is too long
   * ago, because the files may be gone.
   */
  relation(days: readonly string[] | null): string;
}
