import { ExternalError } from "../errors.ts";
import type { Manifest, ObjectStore } from "../ports.ts";
import {
  beforeManifest,
  type BlockRange,
  type ManifestKind,
  manifestName,
  parseManifestName,
  partitionFolder,
} from "./archive_names.ts";
import { decodeManifest } from "./manifest.ts";

/** Manifests fetched side by side. */
const FETCHES = 16;

/** The manifests of one kind of one partition. */
export interface ManifestPlace {
  readonly topic: string;
  readonly log: string;
  readonly partition: number;
  readonly kind: ManifestKind;
}

/** The ranges of the manifests that start in `[from, to)`, in their order, by their names alone. */
export async function listRanges(
  store: ObjectStore,
  place: ManifestPlace,
  from: bigint,
  to?: bigint,
): Promise<BlockRange[]> {
  const { topic, log, partition, kind } = place;
  const ranges: BlockRange[] = [];
  const folder = partitionFolder(topic, log, partition, kind);
  const after = beforeManifest(topic, log, partition, from, kind);
  for await (const { name } of store.list(folder, after)) {
    const range = parseManifestName(topic, name, kind);
    if (!range) continue;
    if (to !== undefined && range.start >= to) break;
    ranges.push(range);
  }
  return ranges;
}

/** The first of the given ranges, as far as each begins where the one before ends. */
export function withoutHole(ranges: readonly BlockRange[], start: bigint): BlockRange[] {
  const hole = ranges.findIndex((range, i) =>
    range.start !== (i === 0 ? start : ranges[i - 1].end)
  );
  return hole < 0 ? [...ranges] : ranges.slice(0, hole);
}

/**
 * Reads the manifests of the given ranges, in their order.
 *
 * @throws {ExternalError} when one is not there or not a manifest.
 */
export async function* readManifests(
  store: ObjectStore,
  topic: string,
  ranges: readonly BlockRange[],
  kind: ManifestKind,
): AsyncGenerator<Manifest> {
  for (let first = 0; first < ranges.length; first += FETCHES) {
    const some = ranges.slice(first, first + FETCHES);
    yield* await Promise.all(
      some.map((range) => readManifest(store, manifestName(topic, range, kind))),
    );
  }
}

async function readManifest(store: ObjectStore, name: string): Promise<Manifest> {
  const bytes = await store.get(name);
  if (bytes) return decodeManifest(bytes, name);
  throw new ExternalError(`Cannot read manifest "${name}": it was listed and is not there`);
}
