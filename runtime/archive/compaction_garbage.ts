import type { Clock } from "../std/clock.ts";
import type { ObjectStore } from "../ports/ports.ts";
import { manifestName } from "./archive_names.ts";
import { listRanges, readManifests } from "./read_manifests.ts";

/** Options of {@link CompactionGarbage}. */
export interface CompactionGarbageOptions {
  readonly root: string;
  readonly store: ObjectStore;
  readonly clock: Clock;
  /** How long what was replaced is kept, in milliseconds. */
  readonly graceMs: number;
}

interface Known {
  readonly log: string;
  readonly partition: number;
  /** Compacted up to where, and since when that is known; both ascending. */
  readonly positions: { readonly position: bigint; readonly sinceMs: number }[];
  /** Below it everything was removed by this process. */
  removed: bigint;
}

/**
 * Removes the blocks that compaction has replaced, once every reader knows. What it knows is in
 * memory: after a restart it waits anew. Dead letters stay where they are, and so do files of an
 * earlier decoding.
 */
export class CompactionGarbage {
  readonly #options: CompactionGarbageOptions;
  readonly #known = new Map<string, Known>();

  constructor(options: CompactionGarbageOptions) {
    this.#options = options;
  }

  /** Takes note of how far the partitions are compacted now. */
  note(chains: Iterable<{ log: string; partition: number; position: bigint }>): void {
    const sinceMs = this.#options.clock.now();
    for (const { log, partition, position } of chains) {
      const key = `${log} ${partition}`;
      const known = this.#known.get(key) ?? { log, partition, positions: [], removed: 0n };
      this.#known.set(key, known);
      const last = known.positions.at(-1)?.position ?? 0n;
      if (position > last) known.positions.push({ position, sinceMs });
    }
  }

  /**
   * Removes what is due; what a crash leaves half removed is removed by a later call.
   *
   * @returns how many blocks were removed.
   */
  async collect(signal?: AbortSignal): Promise<number> {
    const { clock, graceMs } = this.#options;
    const dueMs = clock.now() - graceMs;
    let removed = 0;
    for (const known of this.#known.values()) {
      const { log, partition, positions } = known;
      const due = positions.findLastIndex(({ sinceMs }) => sinceMs <= dueMs);
      if (due < 0 || positions[due].position <= known.removed) continue;
      removed += await this.#removeBelow(log, partition, positions[due].position, signal);
      if (signal?.aborted) break;
      known.removed = positions[due].position;
      positions.splice(0, due); // the last one stays: it is what is noted
    }
    return removed;
  }

  /** Files first: as long as a manifest is there, they are found again. */
  async #removeBelow(
    log: string,
    partition: number,
    below: bigint,
    signal?: AbortSignal,
  ): Promise<number> {
    const { root, store } = this.#options;
    const ranges = await listRanges(store, { root, log, partition, kind: "manifests" }, 0n, below);
    const due = ranges.filter(({ end }) => end <= below);
    let removed = 0;
    for await (const { files, start, end } of readManifests(store, root, due, "manifests")) {
      if (signal?.aborted) break;
      for (const { name } of files) {
        if (name.startsWith(`${root}/events/`)) await store.remove(name);
      }
      await store.remove(manifestName(root, { log, partition, start, end }));
      removed++;
    }
    return removed;
  }
}
