import { createHash } from "node:crypto";
import { DamagedError } from "../std/errors.ts";
import type { ObjectStore, StoredFile } from "../ports/ports.ts";
import type { ProblemSink } from "../model/problems.ts";
import type { AcceptedDamage } from "../ports/services.ts";
import { AcceptedFiles } from "./accepted_damage.ts";

/** Options of {@link FileChecks}. */
export interface FileChecksOptions {
  readonly topic: string;
  readonly store: ObjectStore;
  /** Told of objects that are damaged, and of those that are right again. Default: nobody. */
  readonly problems?: ProblemSink;
}

/** Options of {@link FileChecks.hash}. */
export interface HashOptions {
  readonly onBytes?: (count: number) => Promise<void>;
  readonly isReplaced?: (name: string) => Promise<boolean>;
}

/** What to do about a damaged object of the archive. */
export const ARCHIVE_ADVICE =
  "Nothing is computed from it, and batch runs that need it are refused. Restore it from a copy of " +
  "the archive; where the log still holds the offsets, remove the block's manifest and restart, and " +
  "the block is archived again";

/** Files hashed side by side. */
const HASHES = 4;
/** Folders listed side by side. */
const LISTINGS = 16;
/** So many verified files are remembered; older ones are hashed again. */
const MAX_REMEMBERED = 200_000;

/**
 * Compares the files of a topic's archive with their manifests. A process hashes a file before it
 * uses the file for the first time, and remembers that it did. What is found becomes a problem,
 * which stands until the same file is found right.
 */
export class FileChecks {
  /** Files that nobody looks at any more. */
  readonly accepted: AcceptedFiles;
  readonly #options: FileChecksOptions;
  /** Sizes of the files that were hashed and right, by name; the oldest first. */
  readonly #verified = new Map<string, number>();
  /** Names of the objects whose problem stands. */
  readonly #reported = new Set<string>();

  constructor(options: FileChecksOptions) {
    this.#options = options;
    this.accepted = new AcceptedFiles(options.topic, options.store);
  }

  /**
   * Checks that files are there with their sizes, and hashes those that are new to this process.
   *
   * @param options.sizes false: only those that are new are looked at.
   * @param options.again true: all count as new to this process.
   * @throws {DamagedError} naming the first file that is not right, after all were checked.
   */
  async check(
    files: readonly StoredFile[],
    { sizes = true, again = false }: { readonly sizes?: boolean; readonly again?: boolean } = {},
  ): Promise<void> {
    if (again) { for (const { name } of files) this.#verified.delete(name); }
    const faults = sizes ? await this.checkSizes(files) : [];
    const known = new Set(faults.map(({ object }) => object));
    faults.push(...await this.hashNew(files.filter(({ name }) => !known.has(name))));
    if (faults.length > 0) throw faults[0];
  }

  /**
   * Compares names and sizes with a listing of the files' folders.
   *
   * @returns what is wrong, a fault per file.
   */
  async checkSizes(files: readonly StoredFile[]): Promise<DamagedError[]> {
    const { store } = this.#options;
    const folders = [...Map.groupBy(files, ({ name }) => name.slice(0, name.lastIndexOf("/") + 1))];
    const faults: DamagedError[] = [];
    await eachOf(folders, LISTINGS, async ([folder, own]) => {
      const sizes = new Map<string, number>();
      for await (const { name, sizeBytes } of store.list(folder)) sizes.set(name, sizeBytes);
      for (const { name, sizeBytes } of own) {
        const damage = sizeFault(sizes.get(name) ?? null, sizeBytes);
        if (damage !== null) faults.push(this.#damaged(name, damage));
      }
    });
    return faults;
  }

  /** Hashes the files that this process has not hashed yet; see {@link checkSizes}. */
  async hashNew(files: readonly StoredFile[]): Promise<DamagedError[]> {
    const fresh = files.filter(({ name, sizeBytes }) => this.#verified.get(name) !== sizeBytes);
    const faults: DamagedError[] = [];
    await eachOf(fresh, HASHES, async (file) => {
      const fault = await this.hash(file);
      if (fault !== null) faults.push(fault);
    });
    return faults;
  }

  /**
   * Reads a file and compares its hash.
   *
   * @param options.onBytes awaited after each piece with its length: what is not urgent waits there.
   * @param options.isReplaced asked about a file that is not right: one that compaction has replaced
   * meanwhile may be gone.
   * @returns what is wrong, or null.
   */
  async hash(
    { name, sizeBytes, sha256 }: StoredFile,
    { onBytes, isReplaced }: HashOptions = {},
  ): Promise<DamagedError | null> {
    const found = await digestOf(this.#options.store, name, onBytes);
    const damage = sizeFault(found?.sizeBytes ?? null, sizeBytes) ??
      (found!.sha256 === sha256 ? null : "its bytes do not have the hash of its manifest");
    if (damage !== null) {
      return await isReplaced?.(name) ?? false ? null : this.#damaged(name, damage);
    }
    this.#verified.set(name, sizeBytes);
    if (this.#verified.size > MAX_REMEMBERED) {
      this.#verified.delete(this.#verified.keys().next().value!);
    }
    this.#clear(name);
    return null;
  }

  /** Runs what reads an object; damage becomes a problem of that name, and success clears it. */
  async judging<T>(name: string, read: () => Promise<T>): Promise<T> {
    try {
      const result = await read();
      this.#clear(name);
      return result;
    } catch (error) {
      if (error instanceof DamagedError) this.report(error);
      throw error;
    }
  }

  /**
   * Clears the problems of objects that are no longer part of the archive: compaction replaces files,
   * and what was missing because of that is not missed.
   *
   * @param names of all objects that are part of it.
   */
  forgetOthers(names: ReadonlySet<string>): void {
    for (const name of [...this.#reported]) if (!names.has(name)) this.#clear(name);
  }

  /** Goes on without a file. */
  async accept(accepted: AcceptedDamage): Promise<void> {
    await this.accepted.accept(accepted);
    this.#clear(accepted.object);
  }

  /** Makes damage a problem. */
  report({ object, damage }: DamagedError): void {
    const { topic, problems } = this.#options;
    this.#reported.add(object);
    problems?.set({
      code: "archive_damaged",
      subject: object,
      message: `"${object}" is damaged: ${damage}. ${ARCHIVE_ADVICE}`,
      topic,
    });
  }

  #clear(name: string): void {
    this.#reported.delete(name);
    this.#options.problems?.clear("archive_damaged", name);
  }

  #damaged(name: string, damage: string): DamagedError {
    this.#verified.delete(name);
    const error = new DamagedError(name, damage);
    this.report(error);
    return error;
  }
}

function sizeFault(found: number | null, wanted: number): string | null {
  if (found === null) return "it is missing, and a manifest lists it";
  return found === wanted ? null : `it must have ${wanted} bytes, it has ${found}`;
}

async function digestOf(
  store: ObjectStore,
  name: string,
  onBytes?: (count: number) => Promise<void>,
): Promise<{ sizeBytes: number; sha256: string } | null> {
  const stream = await store.stream(name);
  if (stream === null) return null;
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const piece of stream) {
    hash.update(piece);
    sizeBytes += piece.length;
    await onBytes?.(piece.length);
  }
  return { sizeBytes, sha256: hash.digest("hex") };
}

/** Calls `action` for each item, at most `atOnce` at a time. */
async function eachOf<T>(
  items: readonly T[],
  atOnce: number,
  action: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < items.length) await action(items[next++]);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}
