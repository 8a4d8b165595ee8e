import { DamagedError, ExternalError } from "../std/errors.ts";
import type { Cut } from "../model/frontier.ts";
import type { Manifest, ObjectStore, StoredFile } from "../ports/ports.ts";
import {
  beforeManifest,
  type BlockRange,
  deadLettersName,
  type ManifestKind,
  manifestName,
  manifestsFolder,
  parseFileName,
  parseManifestName,
} from "./archive_names.ts";
import { decodingFaults } from "./decoding.ts";
import type { FileChecks } from "./file_checks.ts";
import { ManifestChain } from "./manifest_chain.ts";
import { readManifest } from "./read_manifests.ts";

/** What a look at all of an archive found. */
export interface ArchiveScan {
  /** How many manifests belong to the archive. */
  readonly manifests: number;
  /** The files that they list. */
  readonly files: readonly StoredFile[];
  /** How far the partitions are archived without a hole. */
  readonly cut: Cut;
  readonly faults: readonly DamagedError[];
}

/** What {@link scanArchive} looks at. */
export interface ArchiveScanOptions {
  readonly topic: string;
  /** The root of the decoding. Default: the topic, the root of the first one. */
  readonly root?: string;
  readonly store: ObjectStore;
  /** Damage of a manifest or a file becomes a problem there. */
  readonly checks: FileChecks;
  readonly signal?: AbortSignal;
}

/** Small objects read side by side. */
const FETCHES = 16;

/**
 * Looks at everything of an archive but the bytes of its files: the chain of manifests without hole
 * and overlap, each manifest, the names and sizes of the files, and the claims.
 */
export async function scanArchive(options: ArchiveScanOptions): Promise<ArchiveScan> {
  const { topic, root = topic, store, checks, signal } = options;
  const faults: DamagedError[] = [];
  await checks.accepted.look().catch((error) => noted(faults, error));
  const cut: Record<string, bigint[]> = {};
  const compacted = await rangesOf(options, "compacted_manifests", () => 0n, cut, faults);
  const ends = structuredClone(cut);
  const startOf = ({ log, partition }: BlockRange) => ends[log]?.[partition] ?? 0n;
  const blocks = await rangesOf(options, "manifests", startOf, cut, faults);
  const ranges = [...compacted, ...blocks];
  const listed: StoredFile[] = [];
  const letters: string[] = [];
  const names = new Set<string>();
  for (let first = 0; first < ranges.length; first += FETCHES) {
    signal?.throwIfAborted();
    await Promise.all(
      ranges.slice(first, first + FETCHES).map(async ({ kind, range }) => {
        const name = manifestName(root, range, kind);
        names.add(name);
        const manifest = await checks.judging(name, () => readListed(store, root, range, kind))
          .catch((error) => noted(faults, error));
        if (manifest === null) return;
        listed.push(...manifest.files, ...manifest.letters ?? []);
        // Blocks of earlier builds have one file of dead letters, of which only the name is known.
        const unlisted = manifest.letters === undefined && manifest.deadLetters > 0;
        if (unlisted && kind === "manifests") letters.push(deadLettersName(root, range));
      }),
    );
  }
  const files = checks.accepted.without(listed);
  for (const { name } of files) names.add(name);
  checks.forgetOthers(names);
  faults.push(...await checks.checkSizes(files), ...await claimFaults(options));
  faults.push(...await missingLetters(options, letters));
  return { manifests: ranges.length, files, cut, faults };
}

async function readListed(
  store: ObjectStore,
  root: string,
  range: BlockRange,
  kind: ManifestKind,
): Promise<Manifest> {
  try {
    return await readManifest(store, root, range, kind);
  } catch (error) {
    if (error instanceof DamagedError || !(error instanceof ExternalError)) throw error;
    throw new DamagedError(manifestName(root, range, kind), "it cannot be read", { cause: error });
  }
}

function noted(faults: DamagedError[], error: unknown): null {
  if (!(error instanceof DamagedError)) throw error;
  faults.push(error);
  return null;
}

/**
 * The ranges of one kind from `startOf` a partition on, and how far each partition gets without a
 * hole, in `cut`.
 */
async function rangesOf(
  { topic, root = topic, store }: ArchiveScanOptions,
  kind: ManifestKind,
  startOf: (range: BlockRange) => bigint,
  cut: Record<string, bigint[]>,
  faults: DamagedError[],
): Promise<{ kind: ManifestKind; range: BlockRange }[]> {
  const found: { kind: ManifestKind; range: BlockRange }[] = [];
  const broken = new Set<string>();
  for await (const { name } of store.list(manifestsFolder(root, kind))) {
    const range = parseManifestName(root, name, kind);
    if (range === null || range.end <= startOf(range)) continue;
    const { log, partition, start, end } = range;
    const offsets = cut[log] ??= [];
    while (offsets.length <= partition) offsets.push(0n);
    found.push({ kind, range });
    const position = offsets[partition];
    const place = `${log} ${partition}`;
    if (start > position && !broken.has(place)) {
      broken.add(place);
      const missing = `${beforeManifest(root, log, partition, position, kind)}_*.json`;
      faults.push(new DamagedError(missing, `it is missing: the next manifest begins at ${start}`));
    }
    if (end > position && !broken.has(place)) offsets[partition] = end;
  }
  return found;
}

async function missingLetters(
  { topic, root = topic, store }: ArchiveScanOptions,
  wanted: readonly string[],
): Promise<DamagedError[]> {
  if (wanted.length === 0) return [];
  const found = new Set<string>();
  for await (const { name } of store.list(`${root}/dead_letters/`)) found.add(name);
  return wanted.filter((name) => !found.has(name))
    .map((name) => new DamagedError(name, "it is missing, and a manifest counts its dead letters"));
}

/** Whether compaction has replaced a block's file of events. */
export async function isReplaced(
  store: ObjectStore,
  root: string,
  name: string,
): Promise<boolean> {
  const range = name.startsWith(`${root}/events/`) ? parseFileName(name) : null;
  if (range === null) return false;
  const compacted = new ManifestChain(root, store, "compacted_manifests");
  return await compacted.position(range.log, range.partition) >= range.end;
}

/** Claims as they are written; see `range_claim.ts` and `block_size.ts`. */
const CLAIMS = {
  lost_claims: /^\{"end":"[0-9]{1,20}"\}\n$/,
  compaction_claims: /^\{"end":"[0-9]{1,20}"\}\n$/,
  block_sizes: /^\{"block_size":[0-9]{1,10}\}\n$/,
};

async function claimFaults(
  { topic, root = topic, store, signal }: ArchiveScanOptions,
): Promise<DamagedError[]> {
  const faults = await decodingFaults(store, topic);
  for (const [folder, pattern] of Object.entries(CLAIMS)) {
    const of = folder === "compaction_claims" ? root : topic;
    for await (const { name } of store.list(`${of}/${folder}/`)) {
      signal?.throwIfAborted();
      const bytes = await store.get(name);
      if (bytes !== null && pattern.test(new TextDecoder().decode(bytes))) continue;
      faults.push(new DamagedError(name, `it must be like ${pattern.source}`));
    }
  }
  return faults;
}
