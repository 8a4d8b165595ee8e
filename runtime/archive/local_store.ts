import { dirname, join, resolve } from "node:path";
import { UserError } from "../std/errors.ts";
import type { ObjectInfo, ObjectStore } from "../ports/ports.ts";
import { fileError, makeFolders, removeUnlocked, syncFolder, writeLocked } from "./durable_file.ts";
import { sqlText } from "../std/sql_text.ts";
import { assertObjectGlob, assertObjectName, isNameSegment } from "./object_name.ts";

/** Where files are written before they get their name; "~" is in no object's name. */
const INCOMING = "~incoming";
/** ClickHouse would read these in the folder's own path as a pattern. */
const GLOB_CHARACTERS = /[*?{}]/;

/**
 * Opens an object store in a local folder, and makes the folder. Several processes may use it at
 * once; the folder must be on one file system.
 *
 * @param dir the folder; a relative path is taken from the working directory, now.
 * @throws UserError when the path has a character that ClickHouse reads as a pattern; ExternalError
 * when the folder cannot be made.
 * @example
 * ```ts
 * import { openLocalStore } from "./local_store.ts";
 * const store = await openLocalStore(await Deno.makeTempDir());
 * const bytes = new Uint8Array([1, 2]);
 * const first = await store.put("runs/1", bytes, { ifAbsent: true });
 * const second = await store.put("runs/1", bytes, { ifAbsent: true });
 * if (!first || second) throw new Error("unexpected");
 * ```
 */
export async function openLocalStore(dir: string): Promise<ObjectStore> {
  const root = resolve(dir);
  if (GLOB_CHARACTERS.test(root)) {
    throw new UserError(
      `Cannot open object store ${root}: the path must be without "*", "?", "{" and "}"`,
    );
  }
  try {
    await Deno.mkdir(join(root, INCOMING), { recursive: true });
    await removeUnlocked(join(root, INCOMING));
  } catch (cause) {
    throw fileError(`open object store ${root}`, cause);
  }
  return new LocalStore(root);
}

class LocalStore implements ObjectStore {
  readonly #root: string;
  /** Folders that are there and whose names are on the disk. */
  readonly #madeFolders = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  async put(
    name: string,
    bytes: Uint8Array,
    options: { ifAbsent?: boolean } = {},
  ): Promise<boolean> {
    assertObjectName(name);
    const path = join(this.#root, name);
    const folder = dirname(path);
    const incoming = join(this.#root, INCOMING, crypto.randomUUID());
    try {
      if (options.ifAbsent && await isFile(path)) return false;
      await this.#makeFolder(folder);
      const stored = await writeLocked(
        incoming,
        bytes,
        () =>
          options.ifAbsent
            ? linkAbsent(incoming, path)
            : Deno.rename(incoming, path).then(() => true),
      );
      if (stored) await this.#syncName(folder, options.ifAbsent ? path : null);
      return stored;
    } catch (cause) {
      this.#madeFolders.delete(folder); // it may be that which is gone
      throw fileError(`put object "${name}"`, cause);
    } finally {
      await removeFile(incoming).catch(() => {}); // ignored by readers, and cleaned up on opening
    }
  }

  async get(name: string): Promise<Uint8Array | null> {
    assertObjectName(name);
    try {
      return await Deno.readFile(join(this.#root, name));
    } catch (cause) {
      if (isAbsence(cause)) return null;
      throw fileError(`get object "${name}"`, cause);
    }
  }

  async stream(name: string): Promise<ReadableStream<Uint8Array> | null> {
    assertObjectName(name);
    try {
      const path = join(this.#root, name);
      // A folder can be opened, and fails at the first read only.
      return (await Deno.stat(path)).isFile ? (await Deno.open(path)).readable : null;
    } catch (cause) {
      if (isAbsence(cause)) return null;
      throw fileError(`get object "${name}"`, cause);
    }
  }

  async *list(prefix: string, after = ""): AsyncIterable<ObjectInfo> {
    const slash = prefix.lastIndexOf("/") + 1;
    if (slash > 0) assertObjectName(prefix.slice(0, slash - 1));
    try {
      yield* this.#walk(prefix.slice(0, slash), prefix, after);
    } catch (cause) {
      throw fileError(`list objects "${prefix}"`, cause);
    }
  }

  async remove(name: string): Promise<void> {
    assertObjectName(name);
    try {
      await removeFile(join(this.#root, name));
    } catch (cause) {
      throw fileError(`remove object "${name}"`, cause);
    }
  }

  tableFunction(glob: string, structure: string): string {
    assertObjectGlob(glob);
    return `file(${sqlText(join(this.#root, glob))}, 'Parquet', ${sqlText(structure)})`;
  }

  /**
   * Walks a folder in byte order of the full names, into those folders only that may hold a match.
   *
   * @param folder "" or a name with "/" at its end.
   */
  async *#walk(folder: string, prefix: string, after: string): AsyncIterable<ObjectInfo> {
    for (const key of await this.#entries(folder)) {
      const name = folder + key;
      const inside = name.endsWith("/");
      const matches = name.startsWith(prefix) || (inside && prefix.startsWith(name));
      if (!matches || (name <= after && !(inside && after.startsWith(name)))) continue;
      if (inside) {
        yield* this.#walk(name, prefix, after);
        continue;
      }
      const sizeBytes = await fileSize(join(this.#root, name));
      if (sizeBytes !== null) yield { name, sizeBytes };
    }
  }

  /** Names in a folder, sub-folders with "/" at the end, which is what makes byte order right. */
  async #entries(folder: string): Promise<string[]> {
    const keys: string[] = [];
    try {
      for await (const { name, isDirectory } of Deno.readDir(join(this.#root, folder))) {
        if (isNameSegment(name)) keys.push(isDirectory ? `${name}/` : name);
      }
    } catch (cause) {
      if (!isAbsence(cause)) throw cause;
    }
    return keys.sort(); // all ASCII, so by code unit is by byte
  }

  async #makeFolder(folder: string): Promise<void> {
    if (this.#madeFolders.has(folder)) return;
    await makeFolders(this.#root, folder);
    this.#madeFolders.add(folder);
  }

  /**
   * Puts a name on the disk. When that fails, `made` is taken away again: the next put would find it
   * taken, though nobody was told that it is there.
   */
  async #syncName(folder: string, made: string | null): Promise<void> {
    try {
      await syncFolder(folder);
    } catch (cause) {
      if (made !== null) await removeFile(made).catch(() => {});
      throw cause;
    }
  }
}

/** Gives a file a second name unless that is taken; the file system lets only one win. */
async function linkAbsent(from: string, to: string): Promise<boolean> {
  try {
    await Deno.link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
}

async function removeFile(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!isAbsence(error)) throw error;
  }
}

async function fileSize(path: string): Promise<number | null> {
  try {
    return (await Deno.stat(path)).size;
  } catch (error) {
    if (isAbsence(error)) return null;
    throw error;
  }
}

async function isFile(path: string): Promise<boolean> {
  return await fileSize(path) !== null;
}

/** Whether an error means that no such object exists; a folder is none. */
function isAbsence(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory ||
    error instanceof Deno.errors.IsADirectory;
}
