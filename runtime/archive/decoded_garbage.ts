import type { ObjectStore, Warehouse } from "../ports/ports.ts";
import { ArchiveChain } from "./archive_chain.ts";
import type { BlockRange, ManifestKind } from "./archive_names.ts";
import { type Decoding, isTakenOver, newestDecoding, rootsBefore } from "./decoding.ts";
import { readManifests } from "./read_manifests.ts";

/** What a decoding has below its root. */
const FOLDERS = [
  "manifests",
  "compacted_manifests",
  "compaction_claims",
  "events",
  "compacted",
  "dead_letters",
];

/**
 * Removes what the decodings before the newest one have and it does not list: their manifests, files
 * that were decoded again or compacted since, and their rows of dead letters. It goes when two calls
 * found it so: the caller leaves readers time in between. What it knows is in memory, so a restart
 * begins anew.
 */
export class DecodedGarbage {
  readonly #store: ObjectStore;
  readonly #warehouse: Pick<Warehouse, "command">;
  readonly #decoding: Decoding;
  /** Null before the first call. */
  #found: ReadonlySet<string> | null = null;

  constructor(store: ObjectStore, warehouse: Pick<Warehouse, "command">, decoding: Decoding) {
    this.#store = store;
    this.#warehouse = warehouse;
    this.#decoding = decoding;
  }

  /**
   * Looks for such objects, and removes those that the call before found.
   *
   * @returns how many objects were removed: none while the decoding is not the newest, or not complete.
   * @throws {DamagedError} when a manifest cannot be read; then nothing is removed.
   */
  async collect(signal?: AbortSignal): Promise<number> {
    const { schema: { topic }, root } = this.#decoding;
    const roots = await rootsBefore(this.#store, this.#decoding);
    if (roots.length === 0) return 0;
    const newest = await newestDecoding(this.#store, topic);
    if (newest?.root !== root || !await isTakenOver(this.#store, this.#decoding)) return 0;
    const listed = await this.#listed();
    const found = new Set<string>();
    let removed = 0;
    for (const folder of roots.flatMap((of) => FOLDERS.map((name) => `${of}/${name}/`))) {
      for await (const { name } of this.#store.list(folder)) {
        signal?.throwIfAborted();
        if (listed.has(name)) continue;
        found.add(name);
        if (!this.#found?.has(name)) continue;
        await this.#store.remove(name);
        removed++;
      }
    }
    if (this.#found !== null) await this.#removeLetters();
    this.#found = found;
    return removed;
  }

  async #removeLetters(): Promise<void> {
    const { id, schema: { topic } } = this.#decoding;
    await this.#warehouse.command(
      "DELETE FROM dead_letters WHERE topic = {topic:String} AND decoding != {id:String}",
      { params: { topic, id } },
    );
  }

  /** The files that the archive consists of. */
  async #listed(): Promise<Set<string>> {
    const { root } = this.#decoding;
    const ranges: Record<ManifestKind, BlockRange[]> = { manifests: [], compacted_manifests: [] };
    await new ArchiveChain(root, this.#store, (kind, range) => ranges[kind].push(range)).look();
    const listed = new Set<string>();
    for (const kind of ["compacted_manifests", "manifests"] as const) {
      for await (const manifest of readManifests(this.#store, root, ranges[kind], kind)) {
        for (const { name } of [...manifest.files, ...manifest.letters ?? []]) listed.add(name);
      }
    }
    return listed;
  }
}
