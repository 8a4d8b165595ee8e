import type { Cut } from "../model/frontier.ts";
import type { ObjectStore } from "../ports/ports.ts";
import {
  beforeManifest,
  type BlockRange,
  type ManifestKind,
  manifestsFolder,
  parseManifestName,
  partitionFolder,
} from "./archive_names.ts";

/** How far the manifests of one partition reach without a hole. */
interface Chain {
  readonly log: string;
  readonly partition: number;
  position: bigint;
  /** The last manifest of the chain; later ones sort behind it. */
  lastName: string;
}

/**
 * Follows the manifests of one kind below a root: what it has listed once it does not list again. A
 * hole stops a partition until it is filled.
 */
export class ManifestChain {
  readonly #root: string;
  readonly #store: ObjectStore;
  readonly #kind: ManifestKind;
  readonly #onRange: (range: BlockRange) => void;
  /** By folder, in byte order of the folders. */
  readonly #chains = new Map<string, Chain>();

  /** @param onRange called with each range by which a partition has come further, in order. */
  constructor(
    root: string,
    store: ObjectStore,
    kind: ManifestKind = "manifests",
    onRange: (range: BlockRange) => void = () => {},
  ) {
    this.#root = root;
    this.#store = store;
    this.#kind = kind;
    this.#onRange = onRange;
  }

  /** How far each partition has come, as of the last look. */
  chains(): Iterable<{ log: string; partition: number; position: bigint }> {
    return this.#chains.values();
  }

  /** The positions of {@link chains} as a cut. */
  cut(): Cut {
    const cut: Record<string, bigint[]> = {};
    for (const { log, partition, position } of this.chains()) {
      const offsets = cut[log] ??= [];
      while (offsets.length <= partition) offsets.push(0n);
      offsets[partition] = position;
    }
    return cut;
  }

  /** Goes on from `position` at least: what lies below need not be there any more. */
  skipTo(log: string, partition: number, position: bigint): void {
    const chain = this.#chainOf(log, partition);
    if (position <= chain.position) return;
    chain.position = position;
    chain.lastName = beforeManifest(this.#root, log, partition, position, this.#kind);
  }

  /** How far one partition has come, as of now. */
  async position(log: string, partition: number): Promise<bigint> {
    const folder = partitionFolder(this.#root, log, partition, this.#kind);
    const after = this.#chains.get(folder)?.lastName;
    for await (const { name } of this.#store.list(folder, after)) this.#follow(name);
    return this.#chains.get(folder)?.position ?? 0n;
  }

  /**
   * Looks for new manifests in every partition of every log, also of logs and partitions not seen
   * before: one listing per known partition, each of which ends where the next known one starts.
   */
  async look(): Promise<void> {
    const known = [...this.#chains.entries()].sort(([a], [b]) => a < b ? -1 : 1);
    let after: string | undefined;
    for (const [folder, chain] of known) {
      await this.#list(after, folder);
      after = chain.lastName;
    }
    await this.#list(after, null);
  }

  /** Lists on from `after` until the folder `until` (exclusive; null for the end). */
  async #list(after: string | undefined, until: string | null): Promise<void> {
    const prefix = manifestsFolder(this.#root, this.#kind);
    for await (const { name } of this.#store.list(prefix, after)) {
      if (until !== null && name >= until) return;
      this.#follow(name);
    }
  }

  #follow(name: string): void {
    const block = parseManifestName(this.#root, name, this.#kind);
    if (!block) return;
    const chain = this.#chainOf(block.log, block.partition);
    // A manifest that covers several blocks may start before the position.
    if (block.start > chain.position || block.end <= chain.position) return;
    chain.position = block.end;
    chain.lastName = name;
    this.#onRange(block);
  }

  #chainOf(log: string, partition: number): Chain {
    const folder = partitionFolder(this.#root, log, partition, this.#kind);
    let chain = this.#chains.get(folder);
    if (!chain) {
      chain = { log, partition, position: 0n, lastName: folder };
      this.#chains.set(folder, chain);
    }
    return chain;
  }
}
