import { DamagedError, ExternalError } from "../std/errors.ts";
import type { Manifest, ObjectStore, StoredFile } from "../ports/ports.ts";
import {
  beforeManifest,
  type BlockRange,
  compactedName,
  decodingIn,
  eventsName,
  type ManifestKind,
  manifestName,
  nameInFirst,
  parseFileName,
  parseManifestName,
  partitionFolder,
} from "./archive_names.ts";
import { decodeManifest } from "./manifest.ts";

/** Manifests fetched side by side. */
const FETCHES = 16;

/** The manifests of one kind of one partition. */
export interface ManifestPlace {
  readonly root: string;
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
  const { root, log, partition, kind } = place;
  const ranges: BlockRange[] = [];
  const folder = partitionFolder(root, log, partition, kind);
  const after = beforeManifest(root, log, partition, from, kind);
  for await (const { name } of store.list(folder, after)) {
    const range = parseManifestName(root, name, kind);
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

/** Runs what reads the object of that name, and takes note of how it went. */
export type Judge = <T>(name: string, read: () => Promise<T>) => Promise<T>;

/**
 * Reads the manifests of the given ranges, in their order.
 *
 * @param judge default: runs what it is given.
 * @throws {DamagedError} when one is not a manifest, or not that of its range.
 * @throws {ExternalError} when one is not there.
 */
export async function* readManifests(
  store: ObjectStore,
  root: string,
  ranges: readonly BlockRange[],
  kind: ManifestKind,
  judge: Judge = (_name, read) => read(),
): AsyncGenerator<Manifest> {
  for (let first = 0; first < ranges.length; first += FETCHES) {
    const some = ranges.slice(first, first + FETCHES);
    yield* await Promise.all(
      some.map((range) =>
        judge(manifestName(root, range, kind), () => readManifest(store, root, range, kind))
      ),
    );
  }
}

/** Reads one manifest; see {@link readManifests}. */
export async function readManifest(
  store: ObjectStore,
  root: string,
  range: BlockRange,
  kind: ManifestKind,
): Promise<Manifest> {
  const name = manifestName(root, range, kind);
  const bytes = await store.get(name);
  if (bytes === null) {
    throw new ExternalError(`Cannot read manifest "${name}": it was listed and is not there`);
  }
  const manifest = decodeManifest(bytes, name);
  const fault = faultOf(manifest, root, range, kind);
  if (fault !== null) throw new DamagedError(name, fault);
  return manifest;
}

/** How a manifest contradicts its name or itself; null where it does not. */
function faultOf(
  manifest: Manifest,
  root: string,
  range: BlockRange,
  kind: ManifestKind,
): string | null {
  const { records, events, deadLetters, files, letters, ticks } = manifest;
  if (manifestName(root, manifest, kind) !== manifestName(root, range, kind)) {
    return "it describes another range than its name says";
  }
  const nameOf = kind === "manifests" ? eventsName : compactedName;
  const misnamed = files.find(({ name, day }) => {
    const part = parseFileName(name);
    // What was taken over from an earlier decoding lies below that one's root.
    const named = part !== null && nameInFirst(name) === nameInFirst(nameOf(root, day, part));
    return !named || !lies(part, range);
  });
  if (misnamed !== undefined) return `it lists "${misnamed.name}", a file of another range or day`;
  if (manifest.decoding !== decodingIn(root)) return "it belongs to the archive of another schema";
  const rows = sumOf(files);
  if (rows !== events) return `its files have ${rows} rows and it counts ${events} events`;
  if (letters !== undefined && sumOf(letters) !== deadLetters) {
    return `it counts ${deadLetters} dead letters and lists ${sumOf(letters)}`;
  }
  const others = records - events - deadLetters;
  const most = kind === "manifests" ? 1 : ticks?.length ?? others;
  if (others < 0 || others > most) {
    return `it counts ${records} records, ${events} events and ${deadLetters} dead letters`;
  }
  return null;
}

/** Whether a file's offsets lie within a range: a long block is several files a day. */
const lies = (part: BlockRange, { log, partition, start, end }: BlockRange) =>
  part.log === log && part.partition === partition && part.start >= start && part.end <= end;

const sumOf = (files: readonly StoredFile[]) => files.reduce((sum, { rows }) => sum + rows, 0);
