import type { ObjectStore } from "../ports/ports.ts";
import type { BlockRange, ManifestKind } from "./archive_names.ts";
import { ManifestChain } from "./manifest_chain.ts";

/**
 * How far a topic is archived below a root, and how far of that it is compacted. Manifests of blocks that are
 * compacted need not be there any more: the chain of blocks goes on where the compacted one ends.
 */
export class ArchiveChain {
  readonly blocks: ManifestChain;
  readonly compacted: ManifestChain;

  /** @param onRange called with each range by which a partition has come further, in order. */
  constructor(
    root: string,
    store: ObjectStore,
    onRange: (kind: ManifestKind, range: BlockRange) => void = () => {},
  ) {
    const chain = (kind: ManifestKind) =>
      new ManifestChain(root, store, kind, (range) => onRange(kind, range));
    this.blocks = chain("manifests");
    this.compacted = chain("compacted_manifests");
  }

  /** Looks for new manifests of both kinds in every partition of every log. */
  async look(): Promise<void> {
    await this.compacted.look();
    for (const { log, partition, position } of this.compacted.chains()) {
      this.blocks.skipTo(log, partition, position);
    }
    await this.blocks.look();
  }

  /** How far one partition is archived, as of now. */
  async position(log: string, partition: number): Promise<bigint> {
    const compacted = await this.compacted.position(log, partition);
    if (compacted > 0n) this.blocks.skipTo(log, partition, compacted);
    return await this.blocks.position(log, partition);
  }
}
