import { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { DamagedError, ExternalError, messageOf, TwofoldError, UserError } from "../std/errors.ts";
import { isDamage, outOfRoom } from "./disk_fault.ts";
import { DEFAULT_PARTITIONS } from "./partitioner.ts";
import { restoreLog, syncFolderOf, WalSync } from "./wal_sync.ts";

/** The format that this version writes, in the file's `user_version`. */
export const LOG_FORMAT = 1;
/** Marks a SQLite file as a log of Twofold (`application_id`): "2fld". */
const APPLICATION_ID = 0x32666c64;
/** Larger than SQLite's own: a stored chunk is about a mebibyte. Measured: 1.4 times as fast. */
const PAGE_BYTES = 16 * 1024;

const SCHEMA = `
  CREATE TABLE log (
    id TEXT NOT NULL, region TEXT NOT NULL, topic TEXT NOT NULL, checksum INTEGER
  ) STRICT;
  CREATE TABLE partition (
    partition INTEGER PRIMARY KEY, start_offset INTEGER NOT NULL, last_append_ms INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE chunk (
    chunk_id INTEGER PRIMARY KEY, partition INTEGER NOT NULL, first_offset INTEGER NOT NULL,
    record_count INTEGER NOT NULL, append_ms INTEGER NOT NULL, kind INTEGER NOT NULL,
    records BLOB NOT NULL, checksum INTEGER
  ) STRICT;
  CREATE UNIQUE INDEX chunk_position ON chunk (partition, first_offset);
`;

/** What opening a file needs to know. */
export interface LogFileOptions {
  readonly path: string;
  readonly topic: string;
  readonly region: string;
  readonly partitions?: number;
  readonly maxFileBytes?: number;
  /** When a new file was made, in milliseconds since 1970 UTC. */
  readonly nowMs: number;
}

/** Where a partition stands; offsets as numbers, exact below 2^53. */
export interface PartitionState {
  /** The first offset held. */
  start: number;
  /** The next offset. */
  end: number;
  lastAppendMs: number;
}

/** An open log file, held by this process alone. */
export interface LogFile {
  readonly database: DatabaseSync;
  readonly id: string;
  readonly partitions: PartitionState[];
  readonly wal: WalSync;
}

/**
 * Opens the file of a log, makes it where there is none, and locks it for this process.
 *
 * @throws UserError when the file is another topic's, of a newer format, no log at all, in use, or
 * has more partitions than asked for.
 */
export function openLogFile(options: LogFileOptions): LogFile {
  const { path } = options;
  let database: DatabaseSync | undefined;
  try {
    restoreLog(path);
    database = new DatabaseSync(path);
    configure(database, options.maxFileBytes);
    transact(database, () => {
      migrate(database!, options);
      addChecksums(database!);
    });
    const id = identity(database, options);
    transact(database, () => growPartitions(database!, options));
    writeAnew(database, path);
    return { database, id, partitions: loadPartitions(database), wal: new WalSync(database, path) };
  } catch (cause) {
    database?.close();
    throw cause instanceof TwofoldError ? cause : openError(path, cause);
  }
}

/** Runs `action` in a transaction of its own; nothing of it stays when it throws. */
export function transact(database: DatabaseSync, action: () => void): void {
  database.prepare("BEGIN IMMEDIATE").run();
  try {
    action();
    database.prepare("COMMIT").run();
  } catch (error) {
    // SQLite has rolled back by itself after some errors, a full disk among them.
    if (database.isTransaction) database.prepare("ROLLBACK").run();
    throw error;
  }
}

/** Turns an error of SQLite into one of ours; a damaged file is not worth a retry. */
export function sqliteError(action: string, topic: string, cause: unknown): TwofoldError {
  if (cause instanceof TwofoldError) return cause;
  const retriable = !isDamage(cause);
  const part = outOfRoom(cause) ? "disk" : "log";
  return new ExternalError(`Cannot ${action}: ${messageOf(cause)}`, {
    topic,
    retriable,
    part,
    cause,
  });
}

function configure(database: DatabaseSync, maxFileBytes?: number): void {
  const pragmas = [
    // Before the first page is written, else they have no effect.
    `page_size = ${PAGE_BYTES}`,
    "auto_vacuum = INCREMENTAL",
    "locking_mode = EXCLUSIVE",
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "fullfsync = ON",
  ];
  if (maxFileBytes !== undefined) {
    pragmas.push(`max_page_count = ${Math.max(1, Math.floor(maxFileBytes / PAGE_BYTES))}`);
  }
  for (const pragma of pragmas) database.prepare(`PRAGMA ${pragma}`).all();
}

/**
 * Makes sure that the disk has what SQLite shows. After a failed sync the write-ahead log may be in
 * the kernel's memory alone, marked as written; to sync it again proves nothing. Copying its pages
 * into the file writes them anew. The folder is synced because a new write-ahead log is a new name.
 */
function writeAnew(database: DatabaseSync, path: string): void {
  const { busy } = database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get() as { busy: number };
  if (busy !== 0) throw new TwofoldError(`its write-ahead log cannot be moved into the file`);
  if (path !== ":memory:") syncFolderOf(path);
}

function migrate(database: DatabaseSync, options: LogFileOptions): void {
  const { path, topic, region } = options;
  const format = pragma(database, "user_version");
  const tables = database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()!.n as number;
  if (format === 0 && tables === 0) {
    database.exec(SCHEMA);
    database.prepare(`PRAGMA application_id = ${APPLICATION_ID}`).run();
    database.prepare(`PRAGMA user_version = ${LOG_FORMAT}`).run();
    database.prepare("INSERT INTO log (id, region, topic) VALUES (?, ?, ?)")
      .run(newIdentity(region, options.nowMs), region, topic);
    return;
  }
  if (pragma(database, "application_id") !== APPLICATION_ID) {
    throw new UserError(`Cannot open log ${path}: it is a SQLite file of another program`);
  }
  if (format > LOG_FORMAT) {
    throw new UserError(
      `Cannot open log ${path}: its format must be at most ${LOG_FORMAT}, got ${format}; ` +
        "it was written by a newer version, use that one",
    );
  }
}

/**
 * Files of earlier builds have no checksums. Their chunks keep none, and those that such a build adds
 * later have none either; the log's identity gets one.
 */
function addChecksums(database: DatabaseSync): void {
  for (const table of ["chunk", "log"]) {
    const columns = database.prepare(`SELECT name FROM pragma_table_info('${table}')`).all();
    if (columns.some(({ name }) => name === "checksum")) continue;
    database.exec(`ALTER TABLE ${table} ADD COLUMN checksum INTEGER`);
  }
  const { id, region, topic, checksum } = database.prepare("SELECT * FROM log").get() ?? {};
  if (checksum !== null) return;
  database.prepare("UPDATE log SET checksum = ?").run(crc32(`${id} ${region} ${topic}`));
}

function identity(database: DatabaseSync, options: LogFileOptions): string {
  const log = database.prepare("SELECT id, region, topic, checksum FROM log").get() as {
    id: string;
    region: string;
    topic: string;
    checksum: number;
  };
  if (log.checksum !== crc32(`${log.id} ${log.region} ${log.topic}`)) {
    throw new DamagedError(options.path, `its identity "${log.id}" does not have its checksum`);
  }
  for (const name of ["topic", "region"] as const) {
    if (log[name] === options[name]) continue;
    throw new UserError(
      `Cannot open log ${options.path}: its ${name} is "${log[name]}", got "${options[name]}"`,
      { field: name },
    );
  }
  return log.id;
}

function growPartitions(database: DatabaseSync, options: LogFileOptions): void {
  const stored = database.prepare("SELECT count(*) AS n FROM partition").get()!.n as number;
  const wanted = options.partitions ?? (stored || DEFAULT_PARTITIONS);
  if (wanted < stored) {
    throw new UserError(
      `Cannot open log ${options.path}: partitions must be at least ${stored}, which it has, ` +
        `got ${wanted}; a log never shrinks`,
      { field: "partitions" },
    );
  }
  const add = database.prepare(
    "INSERT INTO partition (partition, start_offset, last_append_ms) VALUES (?, 0, 0)",
  );
  for (let partition = stored; partition < wanted; partition++) add.run(partition);
}

function loadPartitions(database: DatabaseSync): PartitionState[] {
  const edge = (order: string) =>
    database.prepare(
      `SELECT first_offset, record_count, append_ms FROM chunk WHERE partition = ?
       ORDER BY first_offset ${order} LIMIT 1`,
    );
  const first = edge("ASC"), last = edge("DESC");
  const rows = database.prepare("SELECT * FROM partition ORDER BY partition").all();
  return rows.map((row) => {
    const start = row.start_offset as number, lastAppendMs = row.last_append_ms as number;
    const head = first.get(row.partition) as Record<string, number> | undefined;
    const tail = last.get(row.partition) as Record<string, number> | undefined;
    return {
      start: head?.first_offset ?? start,
      end: tail ? tail.first_offset + tail.record_count : start,
      lastAppendMs: Math.max(lastAppendMs, tail?.append_ms ?? 0),
    };
  });
}

/** Milliseconds in base 36 take nine digits until the year 5188: their text sorts as they do. */
function newIdentity(region: string, nowMs: number): string {
  const random = crypto.getRandomValues(new Uint8Array(8));
  const suffix = Array.from(random, (byte) => (byte % 36).toString(36)).join("");
  return `${region}-${Math.floor(nowMs).toString(36).padStart(9, "0")}-${suffix}`;
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0);
}

function openError(path: string, cause: unknown): TwofoldError {
  const message = messageOf(cause);
  // Deno gives no result code for errors of opening and locking, only SQLite's text.
  if (message.includes("database is locked")) {
    return new UserError(
      `Cannot open log ${path}: another process or another part of this one holds it; close it first`,
      { cause },
    );
  }
  if (message.includes("not a database")) {
    return new UserError(`Cannot open log ${path}: it is not a log file`, { cause });
  }
  return new ExternalError(`Cannot open log ${path}: ${message}`, { cause });
}
