/**
 * The names of the archive's objects. They follow from the block and its decoding alone, so writing
 * twice is harmless. The objects of one decoding lie below its **root**: the topic for the first, and
 * `<topic>/decoded/<number>_<hash>` for every other ({@link Decoding}).
 */

/** A block of one partition of one log: offsets `[start, end)`. */
export interface BlockRange {
  readonly log: string;
  readonly partition: number;
  readonly start: bigint;
  readonly end: bigint;
}

/** The root of the decoding of that id. */
export function decodedRoot(topic: string, id: string): string {
  return `${topic}/decoded/${id}`;
}

/** The id of the decoding of that root; undefined for the topic's first. */
export function decodingIn(root: string): string | undefined {
  return /\/decoded\/(.+)$/.exec(root)?.[1];
}

/** An object's name as the topic's first decoding would name it. */
export function nameInFirst(name: string): string {
  return name.replace(/^([^/]+)\/decoded\/[0-9]+_[0-9a-f]{8}\//, "$1/");
}

const MS_PER_DAY = 86_400_000;
const padOffset = (offset: bigint) => String(offset).padStart(20, "0");
const padPartition = (partition: number) => String(partition).padStart(5, "0");
const flatName = ({ log, partition, start, end }: BlockRange) =>
  `${beforeFile(log, partition, start)}_${padOffset(end)}.parquet`;

/** The folders with manifests: of blocks, and of the ranges of blocks that were compacted. */
export type ManifestKind = "manifests" | "compacted_manifests";

/** What the files of one partition start with, without their folder. */
export function filePrefix(log: string, partition: number): string {
  return `${log}_${padPartition(partition)}_`;
}

/** Sorts before every file of the partition from `start` on, and behind those before. */
export function beforeFile(log: string, partition: number, start: bigint): string {
  return filePrefix(log, partition) + padOffset(start);
}

/** The range of a Parquet file's name, in whatever folder; null when the name is not one. */
export function parseFileName(name: string): BlockRange | null {
  const match = /(?:^|\/)([0-9a-z-]+)_([0-9]{5,})_([0-9]{20})_([0-9]{20})\.parquet$/.exec(name);
  if (!match) return null;
  const [, log, partition, start, end] = match;
  return { log, partition: Number(partition), start: BigInt(start), end: BigInt(end) };
}

/** An event day as text, from days since 1970: `2013-07-20`. */
export function dayName(day: number): string {
  return new Date(day * MS_PER_DAY).toISOString().slice(0, 10);
}

/** The file of a block's events of one day. */
export function eventsName(root: string, day: string, block: BlockRange): string {
  return `${root}/events/dt=${day}/${flatName(block)}`;
}

/** The file of a compacted range's events of one day. */
export function compactedName(root: string, day: string, range: BlockRange): string {
  return `${root}/compacted/dt=${day}/${flatName(range)}`;
}

/** Says where the compacted range that begins at `start` ends. */
export function compactionClaimName(
  root: string,
  log: string,
  partition: number,
  start: bigint,
): string {
  return `${root}/compaction_claims/${log}/${padPartition(partition)}/${padOffset(start)}.json`;
}

/** Says where what the log had lost ends before anything of the partition was archived. */
export function lostClaimName(topic: string, log: string, partition: number): string {
  return `${topic}/lost_claims/${log}/${padPartition(partition)}.json`;
}

/** Says of how many offsets the blocks of a log are. */
export function blockSizeName(topic: string, log: string): string {
  return `${topic}/block_sizes/${log}.json`;
}

/** The file of a block's dead letters; there is one only where the block has some. */
export function deadLettersName(root: string, block: BlockRange): string {
  return `${root}/dead_letters/${flatName(block)}`;
}

/** The folder of all manifests of an archive, with its "/". */
export function manifestsFolder(root: string, kind: ManifestKind = "manifests"): string {
  return `${root}/${kind}/`;
}

/** The folder of one partition's manifests, with its "/". */
export function partitionFolder(
  root: string,
  log: string,
  partition: number,
  kind?: ManifestKind,
): string {
  return `${manifestsFolder(root, kind)}${log}/${padPartition(partition)}/`;
}

/** The manifest of a block, or of a compacted range. */
export function manifestName(root: string, block: BlockRange, kind?: ManifestKind): string {
  const { log, partition, start, end } = block;
  return `${beforeManifest(root, log, partition, start, kind)}_${padOffset(end)}.json`;
}

/** A name that sorts before every manifest from `start` on, and behind those before. */
export function beforeManifest(
  root: string,
  log: string,
  partition: number,
  start: bigint,
  kind?: ManifestKind,
): string {
  return partitionFolder(root, log, partition, kind) + padOffset(start);
}

/** The block of a manifest's name, or null when the name is not one. */
export function parseManifestName(
  root: string,
  name: string,
  kind?: ManifestKind,
): BlockRange | null {
  const folder = manifestsFolder(root, kind);
  if (!name.startsWith(folder)) return null;
  const match = /^([0-9a-z-]+)\/([0-9]{5,})\/([0-9]{20})_([0-9]{20})\.json$/.exec(
    name.slice(folder.length),
  );
  if (!match) return null;
  const [, log, partition, start, end] = match;
  return { log, partition: Number(partition), start: BigInt(start), end: BigInt(end) };
}
