import type { ObjectStore } from "../ports/ports.ts";
import type { BlockRange, ManifestKind } from "./archive_names.ts";
import type { ManifestChain } from "./manifest_chain.ts";
import { listRanges } from "./read_manifests.ts";

/** What one manifest covers: a block, or a compacted range. */
export interface ArchivedRange extends BlockRange {
  readonly kind: ManifestKind;
}

/** One partition of the archive of one log. */
export interface ArchivedPartition {
  readonly root: string;
  readonly log: string;
  readonly partition: number;
}

/**
 * No block is longer, whatever `--block-size` it was written with, but one from 0 on for what the log
 * had lost before anything was archived.
 */
const LONGEST_BLOCK = 65_536n;

/**
 * The ranges that hold offsets of `[from, to)`, ascending, as of now: compacted ones below where
 * compaction has come to, blocks from there on. The first may begin below `from`, the last end above
 * `to`, and there may be holes.
 *
 * @param compacted the chain of the topic's compaction manifests.
 */
export async function archivedRanges(
  store: ObjectStore,
  place: ArchivedPartition,
  compacted: ManifestChain,
  from: bigint,
  to: bigint,
): Promise<ArchivedRange[]> {
  const until = await compacted.position(place.log, place.partition);
  const ranges = async (kind: ManifestKind, first: bigint, end: bigint) =>
    (await listRanges(store, { ...place, kind }, first, end))
      .filter((range) => range.end > from)
      .map((range): ArchivedRange => ({ ...range, kind }));
  // A block that begins below `from` may reach over it.
  const first = from > LONGEST_BLOCK ? from - LONGEST_BLOCK : 0n;
  return [
    ...(from >= until && first > 0n ? await ranges("manifests", 0n, 1n) : []),
    ...(from < until ? await ranges("compacted_manifests", 0n, to < until ? to : until) : []),
    ...(to > until ? await ranges("manifests", first > until ? first : until, to) : []),
  ];
}

/** From where on ranges cover `[from, to)` up to its end without a hole; `to` where they do not. */
export function coveredFrom(
  ranges: readonly BlockRange[],
  from: bigint,
  to: bigint,
): bigint {
  let [covered, position] = [from, from];
  for (const { start, end } of ranges) {
    if (start > position) covered = start;
    if (end > position) position = end;
  }
  return position >= to ? covered : to;
}

/** The first ranges that follow each other from the one that holds `from`, all of one kind. */
export function rangesAt(
  ranges: readonly ArchivedRange[],
  from: bigint,
  most: number,
): ArchivedRange[] {
  const group: ArchivedRange[] = [];
  let position = from;
  for (const range of ranges) {
    if (range.end <= position) continue;
    const next = range.start <= position && range.kind === (group[0] ?? range).kind;
    if (!next || group.length === most) break;
    group.push(range);
    position = range.end;
  }
  return group;
}
