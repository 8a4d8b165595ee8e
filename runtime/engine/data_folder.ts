/** Who owns a data folder: one process at a time, by a lock that the system drops with it. */
import { join } from "node:path";
import { syncFolder } from "../archive/durable_file.ts";
import { ExternalError, UserError } from "../std/errors.ts";

/**
 * The format of a data folder that this version writes. It reads earlier ones, too. Since format 2,
 * metadata of old batch runs is removed above a floor that earlier builds do not know.
 */
export const DATA_FORMAT = 2;

/** What the owner of a data folder tells of itself. */
export interface OwnerInfo {
  readonly pid: number;
  /** Where it can be reached, once it listens. */
  readonly url: string | null;
  /** When it took the folder, ISO 8601 UTC. */
  readonly started: string;
  /** The format of the data in the folder. */
  readonly formatVersion: number;
}

/** A folder that this process owns. */
export interface DirectoryClaim {
  /** Names the owner of the folder in tables that several processes write: eight hex digits, kept. */
  readonly process: string;
  /** Tells more of the owner: where it listens. */
  update(info: { readonly url: string | null }): Promise<void>;
  /** Lets another process have the folder; a second call does nothing. */
  release(): Promise<void>;
}

/** Attempts at the lock: {@link readOwner} holds it for a moment. */
const ATTEMPTS = 5;
const BETWEEN_ATTEMPTS_MS = 30;

/**
 * Makes this process the one owner of a folder, which is made if absent. The lock goes with the
 * process, however it ends.
 *
 * @param formatVersion the format of data that this version reads and writes.
 * @throws UserError when another process owns the folder (its id is named), or when the data are of
 * a newer format.
 * @example
 * ```ts
 * import { claimDirectory, readOwner } from "./data_folder.ts";
 * const dir = await Deno.makeTempDir();
 * const claim = await claimDirectory(dir);
 * if ((await readOwner(dir))?.pid !== Deno.pid) throw new Error("unexpected");
 * await claim.release();
 * ```
 */
export async function claimDirectory(
  dir: string,
  formatVersion: number = DATA_FORMAT,
): Promise<DirectoryClaim> {
  await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
  await closeToOthers(dir);
  const lock = await openLock(dir, true);
  if (!await takeLock(lock)) {
    lock.close();
    throw ownedError(dir, await readInfo(dir));
  }
  try {
    const found = (await readInfo(dir))?.formatVersion ?? null;
    if (found !== null && found > formatVersion) {
      throw new UserError(
        `Cannot open the data folder "${dir}": its data are of format ${found}, this version ` +
          `knows format ${formatVersion}; use a newer version of Twofold`,
        { field: "dir" },
      );
    }
    const info = { pid: Deno.pid, url: null, started: new Date().toISOString(), formatVersion };
    await writeInfo(dir, info);
    const process = await processOf(dir);
    let held = true;
    return {
      process,
      update: ({ url }) => writeInfo(dir, { ...info, url }),
      release: () => {
        if (held) lock.close();
        held = false;
        return Promise.resolve();
      },
    };
  } catch (error) {
    lock.close();
    throw error;
  }
}

/**
 * Who owns a folder now.
 *
 * @returns null when nobody does: the folder is new, or its owner has ended.
 */
export async function readOwner(dir: string): Promise<OwnerInfo | null> {
  const lock = await withFolderFaults(dir, () =>
    openLock(dir, false).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }));
  if (lock === null) return null;
  try {
    return await lock.tryLock(false) ? null : await readInfo(dir);
  } finally {
    lock.close();
  }
}

/**
 * Runs what opens files of a data folder. A fault of the file system names the folder, the file and
 * what to do.
 *
 * @throws ExternalError for such a fault, else what `open` throws.
 * @example
 * ```ts
 * import { withFolderFaults } from "./data_folder.ts";
 * const open = () => Deno.mkdir("/dev/null/log");
 * const error = await withFolderFaults("/dev/null", open).catch((error) => error);
 * if (!error.message.startsWith('Cannot open the data folder "/dev/null"')) throw error;
 * ```
 */
export async function withFolderFaults<T>(dir: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (cause) {
    const ofSystem = cause instanceof Error &&
      (Object.hasOwn(Deno.errors, cause.name) || /\(os error \d+\)/.test(cause.message));
    if (!ofSystem) throw cause;
    throw new ExternalError(
      `Cannot open the data folder "${dir}": ${cause.message}; make it a folder that this user ` +
        "may write to, or give another one with --data",
      { retriable: false, field: "data", cause },
    );
  }
}

/**
 * Lets no other user into a folder of Twofold's. A folder that holds somebody else's files, or one
 * that users share (sticky), is left as it is.
 */
async function closeToOthers(dir: string): Promise<void> {
  const { mode } = await Deno.stat(dir);
  if (mode === null || (mode & 0o077) === 0 || (mode & 0o1000) !== 0) return;
  const names = (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name);
  if (names.length > 0 && !names.includes("owner.json")) return;
  // A process that does not own the folder cannot, and goes on.
  await Deno.chmod(dir, 0o700).catch(() => {});
}

/** The same for as long as the folder is there, whatever its owner is called. */
async function processOf(dir: string): Promise<string> {
  const file = join(dir, "process_id");
  const known = await Deno.readTextFile(file).catch(() => "");
  if (/^[0-9a-f]{8}\n$/.test(known)) return known.trim();
  const made = crypto.randomUUID().slice(0, 8);
  await Deno.writeTextFile(file, `${made}\n`);
  return made;
}

async function takeLock(lock: Deno.FsFile): Promise<boolean> {
  for (let attempt = 1;; attempt++) {
    if (await lock.tryLock(true)) return true;
    if (attempt === ATTEMPTS) return false;
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_ATTEMPTS_MS));
  }
}

/** The locked file is never removed: two processes would lock two files of one name. */
function openLock(dir: string, create: boolean): Promise<Deno.FsFile> {
  return Deno.open(join(dir, "owner.lock"), { read: true, write: create, create });
}

/**
 * What the last owner of a folder told of itself, whether it still runs or not.
 *
 * @returns null for a folder that nobody ever owned.
 * @throws UserError when that cannot be read.
 */
export async function readInfo(dir: string): Promise<OwnerInfo | null> {
  try {
    return JSON.parse(await Deno.readTextFile(join(dir, "owner.json")));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw new UserError(`Cannot open the data folder "${dir}": "owner.json" cannot be read`, {
      field: "dir",
      cause: error,
    });
  }
}

/** Readers see the old text or the new one, also when the power fails. */
async function writeInfo(dir: string, info: OwnerInfo): Promise<void> {
  const temporary = join(dir, "owner.json.new");
  await Deno.writeTextFile(temporary, JSON.stringify(info, null, 2) + "\n");
  const file = await Deno.open(temporary);
  try {
    await file.sync();
  } finally {
    file.close();
  }
  await Deno.rename(temporary, join(dir, "owner.json"));
  await syncFolder(dir);
}

function ownedError(dir: string, owner: OwnerInfo | null): UserError {
  const who = owner
    ? `process ${owner.pid}${owner.url ? ` (${owner.url})` : ""} since ${owner.started}`
    : "another process";
  return new UserError(`Cannot open the data folder "${dir}": it is owned by ${who}`, {
    field: "dir",
  });
}
