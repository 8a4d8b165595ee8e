/** The names of the archive's objects. They follow from the block alone, so writing twice is harmless. */

/** A block of one partition of one log: offsets `[start, end)`. */
export interface BlockRange {
  readonly log: string;
  readonly partition: number;
  readonly start: bigint;
  readonly end: bigint;
}

const MS_PER_DAY = 86_400_000;
const padOffset = (offset: bigint) => String(offset).padStart(20, "0");
const padPartition = (partition: number) => String(partition).padStart(5, "0");
const flatName = ({ log, partition, start, end }: BlockRange) =>
  `${log}_${padPartition(partition)}_${padOffset(start)}_${padOffset(end)}.parquet`;

/** An event day as text, from days since 1970: `2013-07-20`. */
export function dayName(day: number): string {
  return new Date(day * MS_PER_DAY).toISOString().slice(0, 10);
}

/** The file of a block's events of one day. */
export function eventsName(topic: string, day: string, block: BlockRange): string {
  return `${topic}/events/dt=${day}/${flatName(block)}`;
}

/** The file of a block's dead letters; there is one only where the block has some. */
export function deadLettersName(topic: string, block: BlockRange): string {
  return `${topic}/dead_letters/${flatName(block)}`;
}

/** The folder of all manifests of a topic, with its "/". */
export function manifestsFolder(topic: string): string {
  return `${topic}/manifests/`;
}

/** The folder of one partition's manifests, with its "/". */
export function partitionFolder(topic: string, log: string, partition: number): string {
  return `${manifestsFolder(topic)}${log}/${padPartition(partition)}/`;
}

/** The manifest of a block. */
export function manifestName(topic: string, block: BlockRange): string {
  const { log, partition, start, end } = block;
  return `${partitionFolder(topic, log, partition)}${padOffset(start)}_${padOffset(end)}.json`;
}

/** A name that sorts before every manifest from `start` on, and behind those before. */
export function beforeManifest(
  topic: string,
  log: string,
  partition: number,
  start: bigint,
): string {
  return partitionFolder(topic, log, partition) + padOffset(start);
}

/** The block of a manifest's name, or null when the name is not one. */
export function parseManifestName(topic: string, name: string): BlockRange | null {
  const folder = manifestsFolder(topic);
  if (!name.startsWith(folder)) return null;
  const match = /^([0-9a-z-]+)\/([0-9]{5,})\/([0-9]{20})_([0-9]{20})\.json$/.exec(
    name.slice(folder.length),
  );
  if (!match) return null;
  const [, log, partition, start, end] = match;
  return { log, partition: Number(partition), start: BigInt(start), end: BigInt(end) };
}
