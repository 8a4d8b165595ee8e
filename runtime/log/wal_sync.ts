import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { closeAll } from "../std/close_all.ts";
import { outOfRoom } from "./disk_fault.ts";

/** From this size on the write-ahead log is moved into the file. */
const CHECKPOINT_BYTES = 4 * 1024 * 1024;

/**
 * Puts what was committed on the disk, off the event loop, which SQLite would hold until the disk
 * has it: a second at a time where others write much.
 *
 * - A commit returns when its frames are written to the write-ahead log, and counts when a sync that
 *   began after it has ended. Commits made while a sync is under way share the next one.
 * - A checkpoint keeps the order in which SQLite itself syncs, so that a power cut finds either the
 *   log or the file whole: the log, then the pages into the file, the file, and only then the log is
 *   emptied. What SQLite does of it on the event loop is to copy pages.
 *
 * After a failed sync nobody knows what the disk has: the kernel marks the pages clean, and the next
 * sync succeeds without having written them. So the first failure is final. Every later call fails
 * with it, until the file is opened again, which writes all pages anew.
 *
 * Until it is closed, the database neither syncs nor begins a checkpoint by itself.
 */
export class WalSync {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #wal: Deno.FsFile | null;
  readonly #pages: Deno.FsFile | null;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  #failure: { readonly cause: unknown } | null = null;
  /** Called once, with the first failure. */
  onFailure: (cause: unknown) => void = () => {};

  /** @param path of the database; without a write-ahead log on the disk nothing is synced. */
  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
    this.#wal = openFile(`${path}-wal`);
    this.#pages = this.#wal && openFile(path);
    if (this.#pages === null) return;
    for (const pragma of ["synchronous = OFF", "wal_autocheckpoint = 0"]) {
      database.prepare(`PRAGMA ${pragma}`).all();
    }
  }

  /** Whether there is so much in the write-ahead log that a checkpoint is due. */
  get due(): boolean {
    return this.#failure === null && this.#wal !== null &&
      this.#wal.statSync().size >= CHECKPOINT_BYTES;
  }

  /** Declares the disk failed: a write of the database went wrong. */
  fail(cause: unknown): void {
    if (this.#failure !== null) return;
    this.#failure = { cause };
    this.onFailure(cause);
  }

  /** @throws the first failure, if there was one. */
  assertWhole(): void {
    if (this.#failure !== null) throw this.#failure.cause;
  }

  /** Resolves when all that was committed before the call is on the disk; in the order of calls. */
  sync(): Promise<void> {
    if (this.#next !== null) return this.#next;
    if (this.#running === null) return this.#start();
    const before = this.#running.catch(() => {}); // its callers have the error
    return this.#next = before.then(() => {
      this.#next = null;
      return this.#start();
    });
  }

  /**
   * Moves what is in the write-ahead log into the file. Until it has ended nothing may be committed:
   * SQLite would write over frames of which the disk has no other copy yet. Without room for the
   * pages nothing is moved, the log only grows, and the next checkpoint is as good.
   *
   * @throws the failure of the disk; nothing may be committed any more.
   */
  async checkpoint(): Promise<void> {
    if (this.#wal === null || this.#pages === null) return;
    await this.sync();
    try {
      if (!this.#moved()) return;
      await this.#pages.syncData();
      this.#database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").all();
      await this.#wal.syncData();
    } catch (cause) {
      this.fail(cause);
      throw cause;
    }
  }

  /**
   * Waits for what is under way, and closes the database. SQLite then removes the write-ahead log,
   * also where it copied its pages before a sync that failed: after a failure the log is kept.
   */
  async close(): Promise<void> {
    await Promise.allSettled([this.#running, this.#next]);
    const isKept = this.#failure !== null && this.#wal !== null;
    if (isKept) keepLog(this.#path);
    await closeAll([
      // Closing the database is the last checkpoint, and SQLite's own.
      () => this.#database.prepare("PRAGMA synchronous = NORMAL").all(),
      () => this.#database.close(),
      () => isKept && restoreLog(this.#path),
      // Not before: on Linux a process loses its locks on a file with the first descriptor it closes.
      () => this.#wal?.close(),
      () => this.#pages?.close(),
    ]);
  }

  /** Copies all pages into the file. @returns whether they are there. */
  #moved(): boolean {
    try {
      const { busy, log, checkpointed } = this.#database.prepare("PRAGMA wal_checkpoint(PASSIVE)")
        .get() as Record<"busy" | "log" | "checkpointed", number>;
      return busy === 0 && log === checkpointed;
    } catch (cause) {
      if (outOfRoom(cause)) return false;
      throw cause;
    }
  }

  #start(): Promise<void> {
    const running: Promise<void> = this.#syncLog().finally(() => {
      if (this.#running === running) this.#running = null;
    });
    return this.#running = running;
  }

  async #syncLog(): Promise<void> {
    this.assertWhole();
    try {
      await this.#wal?.syncData();
    } catch (cause) {
      this.fail(cause);
    }
    // A write may have failed meanwhile.
    this.assertWhole();
  }
}

/** Gives the write-ahead log of a database a second name. */
function keepLog(path: string): void {
  restoreLog(path);
  Deno.linkSync(`${path}-wal`, `${path}-wal-kept`);
  syncFolderOf(path);
}

/** Brings a write-ahead log back that was kept, unless it is there. Called before a file is opened. */
export function restoreLog(path: string): void {
  if (!isThere(`${path}-wal-kept`)) return;
  if (isThere(`${path}-wal`)) Deno.removeSync(`${path}-wal-kept`);
  else Deno.renameSync(`${path}-wal-kept`, `${path}-wal`);
  syncFolderOf(path);
}

/** Puts the names in a file's folder on the disk. */
export function syncFolderOf(path: string): void {
  using folder = Deno.openSync(dirname(path));
  folder.syncSync();
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function openFile(path: string): Deno.FsFile | null {
  try {
    return Deno.openSync(path, { read: true, write: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
