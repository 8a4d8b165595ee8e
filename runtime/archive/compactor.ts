import type { Clock } from "../std/clock.ts";
import { ExternalError } from "../std/errors.ts";
import type { EventSchema } from "../events.ts";
import type { ArchiveFile, Manifest, ObjectStore, Warehouse } from "../ports/ports.ts";
import { type ProblemSink, repeated } from "../model/problems.ts";
import { ArchiveChain } from "./archive_chain.ts";
import {
  type BlockRange,
  compactionClaimName,
  decodingIn,
  manifestName,
  parseFileName,
} from "./archive_names.ts";
import { writeCompactedFile } from "./compacted_file.ts";
import { CompactionGarbage } from "./compaction_garbage.ts";
import { newestDecoding } from "./decoding.ts";
import { FileChecks } from "./file_checks.ts";
import { encodeManifest, ticksOf } from "./manifest.ts";
import { claimRange, type RangeStart, readClaim } from "./range_claim.ts";
import { type Judge, listRanges, readManifests, withoutHole } from "./read_manifests.ts";

/** Options of {@link Compactor}. */
export interface CompactorOptions {
  readonly schema: EventSchema;
  /** The root of the decoding. Default: the topic, the root of the first one. */
  readonly root?: string;
  readonly store: ObjectStore;
  readonly warehouse: Warehouse;
  readonly clock: Clock;
  /** The fewest blocks that are worth a compaction. Default 64. */
  readonly minManifests?: number;
  /**
   * The most events of a compacted range. A single block may have more. Default 1,000,000.
   */
  readonly maxRows?: number;
  /**
   * The most bytes of block files that one compacted file is made of; it is held in memory. A single
   * one may have more. Only tests set it. Default 128 MiB.
   */
  readonly maxFileBytes?: number;
  /**
   * How long what was replaced is kept, in milliseconds, for readers that do not know yet. Default
   * 3,600,000: twice as long as a reader may rely on what it knows (`RELATION_VALID_MS`).
   */
  readonly graceMs?: number;
  /** Whether this process compacts now: one at a time is enough. Default: always. */
  readonly isOurTurn?: () => boolean;
  /** Default: checks of its own, which tell no one but the caller. */
  readonly checks?: FileChecks;
  /** Where a compaction that fails stands until one works. Default: nowhere. */
  readonly problems?: ProblemSink;
}

const PAUSE_MS = 60_000;
const nowhere: ProblemSink = { set: () => {}, clear: () => {} };

/** The most blocks of a range, however empty they are. */
const MAX_MANIFESTS = 10_000;

/**
 * Makes few large files of many small ones. What is compacted is, per partition, all below one
 * offset C, and only the chain of compaction manifests says where C lies. A reader takes rows below
 * C from compacted files and rows from C on from block files, so leftovers of either kind do no
 * harm, and nothing has to happen at once.
 *
 * Why it is exact, also where others compact, and wherever a process dies:
 *
 * - A range begins at C. Where it ends is decided once, by a conditional put of a claim before any
 *   file is written. A process that finds the claim completes that range: two files that overlap and are
 *   not the same file cannot come to be, not even with other settings.
 * - A file is put only if it is absent, and compared with the block files, row by row, before the
 *   manifest is written. So it never changes once a reader may know it.
 * - The manifest comes last: it moves C. Files without it lie at C or above, where no reader takes
 *   compacted rows.
 * - Block files and their manifests are removed only below a C that was known for `graceMs`. A
 *   reader refuses to rely on an older C; a compactor that slept that long finds too few rows and
 *   gives up, and the next look tells it the new C.
 */
export class Compactor {
  readonly #options: CompactorOptions;
  readonly #root: string;
  readonly #chain: ArchiveChain;
  readonly #garbage: CompactionGarbage;
  readonly #checks: FileChecks;

  constructor(options: CompactorOptions) {
    const { schema, store, clock, graceMs = 3_600_000 } = options;
    const { root = schema.topic } = options;
    this.#options = options;
    this.#root = root;
    this.#checks = options.checks ?? new FileChecks({ topic: schema.topic, store });
    this.#chain = new ArchiveChain(root, store);
    this.#garbage = new CompactionGarbage({ root, store, clock, graceMs });
  }

  /**
   * Compacts at most one range of every partition. Not to be called concurrently on one instance.
   *
   * @param signal cancels between and within statements; what was begun is completed by a later call.
   * @returns how many ranges were compacted.
   * @throws the first error, after all partitions were tried.
   */
  async compactOnce(signal?: AbortSignal): Promise<number> {
    await this.#look();
    const errors: unknown[] = [];
    let ranges = 0;
    for (const { log, partition } of [...this.#chain.blocks.chains()]) {
      if (signal?.aborted) break;
      try {
        if (await this.#compactNext(log, partition, signal)) ranges++;
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
    return ranges;
  }

  /**
   * Removes block files, and then their manifests, that were replaced more than `graceMs` ago.
   *
   * @returns how many blocks were removed.
   */
  async collectGarbage(signal?: AbortSignal): Promise<number> {
    await this.#look();
    return await this.#garbage.collect(signal);
  }

  /** Compacts and removes what is due, once a minute until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, store, problems = nowhere, schema: { topic } } = this.#options;
    const { isOurTurn = () => true } = this.#options;
    const report = { code: "compaction_failing", subject: topic } as const;
    while (!signal.aborted) {
      await clock.sleep(PAUSE_MS, signal);
      if (signal.aborted) return;
      if (!isOurTurn()) {
        // The process whose turn it is has the problem, if it still stands.
        problems.clear(report.code, topic);
        continue;
      }
      const work = async () => {
        // What another decoding takes over stays as it is.
        const newest = await newestDecoding(store, topic);
        if (newest !== null && newest.root !== this.#root) return;
        while (!signal.aborted && await this.compactOnce(signal) > 0);
        if (!signal.aborted) await this.collectGarbage(signal);
      };
      await repeated(problems, report, `compact the archive of ${topic}`, work, signal);
    }
  }

  async #look(): Promise<void> {
    await this.#chain.look();
    this.#garbage.note(this.#chain.compacted.chains());
  }

  async #compactNext(log: string, partition: number, signal?: AbortSignal): Promise<boolean> {
    const { schema: { topic }, store, maxFileBytes = MAX_FILE_BYTES } = this.#options;
    const root = this.#root;
    const start = await this.#chain.compacted.position(log, partition);
    const from = { log, partition, start };
    const claim = compactionClaimName(root, log, partition, start);
    const range = await readClaim(store, claim, from) ?? await this.#claim(claim, from);
    if (range === null) return false;
    const place = { root, log, partition, kind: "manifests" as const };
    const names = withoutHole(await listRanges(store, place, start, range.end), start);
    const end = names.at(-1)?.end ?? start;
    if (end !== range.end) {
      throw new ExternalError(
        `Cannot compact ${log} [${start}, ${range.end}): its blocks must reach its end, got ${end}`,
        { topic, partition, offset: start },
      );
    }
    const blocks: Manifest[] = [];
    await this.#checks.accepted.look();
    const judge: Judge = (name, read) => this.#checks.judging(name, read);
    for await (const block of readManifests(store, root, names, "manifests", judge)) {
      blocks.push(this.#checks.accepted.rest(block));
    }
    const sources = blocks.flatMap(({ files }) => files);
    // A damaged file would get a new hash, and then pass for right.
    await this.#checks.check(sources);
    const days = Map.groupBy(sources, ({ day }) => day);
    const files: ArchiveFile[] = [];
    for (const [day, ofDay] of [...days].sort(([a], [b]) => a < b ? -1 : 1)) {
      for (const { part, sources } of filesOfDay(range, ofDay, maxFileBytes)) {
        signal?.throwIfAborted();
        files.push(await writeCompactedFile(this.#options, part, day, sources, signal));
      }
    }
    const bytes = encodeManifest(merged(root, range, blocks, files));
    await store.put(manifestName(root, range, "compacted_manifests"), bytes, { ifAbsent: true });
    return true;
  }

  /** Claims whole blocks from `start` on, up to `maxRows` events; null while there are too few. */
  async #claim(claim: string, from: RangeStart): Promise<BlockRange | null> {
    const { store, minManifests = 64, maxRows = 1_000_000 } = this.#options;
    const root = this.#root;
    const { log, partition, start } = from;
    const names = await listRanges(store, { root, log, partition, kind: "manifests" }, start);
    const whole = withoutHole(names, start).slice(0, MAX_MANIFESTS);
    if (whole.length === 0 || whole.length < minManifests) return null;
    let end = start;
    let rows = 0;
    for await (const block of readManifests(store, root, whole, "manifests")) {
      rows += block.events;
      if (rows > maxRows && end > start) break;
      end = block.end;
    }
    return await claimRange(store, claim, { ...from, end });
  }
}

/** The most bytes of block files that one compacted file is made of. */
const MAX_FILE_BYTES = 128 * 2 ** 20;

/** One compacted file to be: its offsets, and the files that it is made of. */
interface CompactedPart {
  readonly part: BlockRange;
  readonly sources: ArchiveFile[];
}

/**
 * How a day of a range is cut into compacted files: one, or several where its block files are large.
 * It depends on the manifests of the blocks alone, so every compactor finds the same.
 *
 * @param files the block files of the day, in the order of their offsets.
 */
function filesOfDay(
  range: BlockRange,
  files: readonly ArchiveFile[],
  maxFileBytes: number,
): CompactedPart[] {
  const groups: ArchiveFile[][] = [];
  let room = 0;
  for (const file of files) {
    if (groups.length > 0 && file.sizeBytes <= room) groups.at(-1)!.push(file);
    else {
      groups.push([file]);
      room = maxFileBytes;
    }
    room -= file.sizeBytes;
  }
  const startOf = (sources: ArchiveFile[] | undefined) =>
    sources === undefined ? range.end : parseFileName(sources[0].name)!.start;
  return groups.map((sources, i) => {
    const start = i === 0 ? range.start : startOf(sources);
    return { part: { ...range, start, end: startOf(groups[i + 1]) }, sources };
  });
}

/** The manifest of a range of blocks. */
function merged(
  root: string,
  { log, partition, start, end }: BlockRange,
  blocks: readonly Manifest[],
  files: readonly ArchiveFile[],
): Manifest {
  const sum = (pick: "records" | "events" | "deadLetters") =>
    blocks.reduce((total, block) => total + block[pick], 0);
  const range = (pick: "eventMs" | "appendMs"): [number, number] | null => {
    const ranges = blocks.flatMap((block) => block[pick] === null ? [] : [block[pick]]);
    if (ranges.length === 0) return null;
    return [
      ranges.reduce((least, [ms]) => Math.min(least, ms), Infinity),
      ranges.reduce((greatest, [, ms]) => Math.max(greatest, ms), -Infinity),
    ];
  };
  return {
    decoding: decodingIn(root),
    log,
    partition,
    start,
    end,
    files,
    records: sum("records"),
    events: sum("events"),
    deadLetters: sum("deadLetters"),
    eventMs: range("eventMs"),
    appendMs: range("appendMs"),
    // The bounds of the blocks go with their manifests: reading records back needs them.
    ticks: blocks.flatMap((block) => ticksOf(block, "manifests", manifestName(root, block))),
    ...(blocks.every(({ letters }) => letters !== undefined)
      ? { letters: blocks.flatMap(({ letters }) => letters!) }
      : {}),
  };
}
