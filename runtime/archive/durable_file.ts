import { dirname } from "node:path";
import { ExternalError, TwofoldError } from "../std/errors.ts";

/**
 * Turns an error of the file system into one of ours. All are worth a retry (the disk may have room
 * again) but those that only a person can mend.
 */
export function fileError(action: string, cause: unknown): TwofoldError {
  if (cause instanceof TwofoldError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  const lasting = cause instanceof Deno.errors.PermissionDenied ||
    cause instanceof Deno.errors.NotCapable || cause instanceof Deno.errors.NotADirectory ||
    cause instanceof Deno.errors.IsADirectory;
  const part = message.includes("(os error 28)") ? "disk" : "archive"; // ENOSPC
  return new ExternalError(`Cannot ${action}: ${message}`, { retriable: !lasting, part, cause });
}

/**
 * Writes a new file and calls `use` once its bytes are on the disk. It is locked until `use` has
 * settled, which tells it from what a dead process left.
 */
export async function writeLocked<T>(
  path: string,
  bytes: Uint8Array,
  use: () => Promise<T>,
): Promise<T> {
  using file = await openLocked(path);
  for (let written = 0; written < bytes.length;) {
    written += await file.write(bytes.subarray(written));
  }
  await file.sync();
  return await use();
}

/** A file that is there and locked: who cleans up may come between its making and its lock. */
async function openLocked(path: string): Promise<Deno.FsFile> {
  while (true) {
    const file = await Deno.open(path, { write: true, create: true });
    await file.lock(true);
    if (await isThere(path)) return file;
    file.close();
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Removes the files of a folder that no living process holds locked. */
export async function removeUnlocked(folder: string): Promise<void> {
  for await (const entry of Deno.readDir(folder)) {
    if (!entry.isFile) continue;
    const path = `${folder}/${entry.name}`;
    try {
      using file = await Deno.open(path, { write: true });
      if (await file.tryLock(true)) await Deno.remove(path);
    } catch (error) {
      // Its writer, or another who cleans up, was faster.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** Puts a folder's entries on the disk: a new name in it survives a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  using handle = await Deno.open(folder);
  await handle.sync();
}

/** Makes a folder and those above it, down from `root`, and puts their names on the disk. */
export async function makeFolders(root: string, folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (let above = folder; above !== root && above.length > root.length;) {
    above = dirname(above);
    await syncFolder(above);
  }
}
