import { type Clock, systemClock } from "../std/clock.ts";
import { ExternalError, TwofoldError } from "../std/errors.ts";
import type { EventSchema } from "../events.ts";
import type { Cut } from "../model/frontier.ts";
import type { ArchiveReader, Manifest, ObjectStore } from "../ports/ports.ts";
import { ArchiveChain } from "./archive_chain.ts";
import { ArchiveIndex } from "./archive_index.ts";
import { relationSql } from "./archive_relation.ts";
import { FileChecks } from "./file_checks.ts";
import { type Judge, listRanges, readManifests, withoutHole } from "./read_manifests.ts";

/** Options of {@link openArchiveReader}. */
export interface ArchiveReaderOptions {
  readonly schema: EventSchema;
  /** The root of the decoding. Default: the topic, the root of the first one. */
  readonly root?: string;
  readonly store: ObjectStore;
  /** Default {@link systemClock}. */
  readonly clock?: Clock;
  /** Default: checks of its own, which tell no one but the caller. */
  readonly checks?: FileChecks;
}

/**
 * How long `relation()` may rely on the last `check()`, in milliseconds. Compaction removes what
 * it has replaced after twice that time, so a statement built on it still finds every file.
 */
export const RELATION_VALID_MS = 1_800_000;

/**
 * Opens the archive of a topic for reading, over all logs that it has had.
 *
 * @example
 * ```ts
 * import { openArchiveReader } from "./archive_reader.ts";
 * import { defineSchema, instant, string } from "../events.ts";
 * import type { ObjectStore } from "../ports/ports.ts";
 * const store = { async *list() {} } as unknown as ObjectStore;
 * const reader = openArchiveReader({
 *   store,
 *   schema: defineSchema({
 *     topic: "t", version: 1, summary: "", eventId: "id", eventTime: "at", partitionKey: "id",
 *     fields: { id: string(), at: instant() },
 *   }),
 * });
 * if (Object.keys(await reader.frontier()).length !== 0) throw new Error("unexpected");
 * ```
 */
export function openArchiveReader(options: ArchiveReaderOptions): ArchiveReader {
  const { schema, root = schema.topic, store, clock = systemClock } = options;
  const checks = options.checks ?? new FileChecks({ topic: schema.topic, store });
  const index = new ArchiveIndex(root, store, checks);
  const chain = new ArchiveChain(root, store, (kind, range) => index.note(kind, range));
  let loadedMs: number | null = null;
  // Callers that ask at once share one look.
  const look = shared(() => chain.look());
  const load = shared(async () => {
    const asOfMs = clock.now();
    await Promise.all([look(), checks.accepted.look()]);
    await index.load(chain.compacted.cut());
    loadedMs = asOfMs;
  });
  const files = async (days: readonly string[] | null) => {
    await load();
    return checks.accepted.without(index.files(days));
  };
  return {
    files,
    async frontier() {
      await look();
      return chain.blocks.cut();
    },
    manifests(base, cut) {
      const judge: Judge = (name, read) => checks.judging(name, read);
      return manifestsBetween({ root, store, judge }, chain, base, cut);
    },
    async check(days, options = {}) {
      const these = await files(days);
      await checks.check(these, options);
      return these;
    },
    relation(days) {
      if (loadedMs === null) {
        throw new TwofoldError("Cannot read the archive: its check() must be called before");
      }
      const ageMs = clock.now() - loadedMs;
      if (ageMs > RELATION_VALID_MS) {
        throw new ExternalError(
          `Cannot read the archive: its check() must have been called within ` +
            `${RELATION_VALID_MS} ms, it was ${ageMs} ms ago`,
        );
      }
      return relationSql(schema, store, checks.accepted.without(index.files(days)));
    },
  };
}

/** `action`, where calls that are made while one is under way get the result of that one. */
function shared(action: () => Promise<void>): () => Promise<void> {
  let underWay: Promise<void> | null = null;
  return () => underWay ??= action().finally(() => underWay = null);
}

/** Where manifests are read. */
interface Place {
  readonly root: string;
  readonly store: ObjectStore;
  readonly judge: Judge;
}

async function* manifestsBetween(
  place: Place,
  chain: ArchiveChain,
  base: Cut,
  cut: Cut,
): AsyncGenerator<Manifest> {
  for (const log of Object.keys(cut).sort()) {
    for (const [partition, end] of cut[log].entries()) {
      const start = base[log]?.[partition] ?? 0n;
      if (start >= end) continue;
      // As of now: below it the manifests of the blocks may be gone.
      const compacted = await chain.compacted.position(log, partition);
      const partly = { ...place, log, partition };
      if (start < compacted) yield* compactedBetween(partly, start, end);
      const from = start < compacted ? compacted : start;
      if (from < end) yield* blocksBetween(partly, from, end);
    }
  }
}

interface Partition extends Place {
  readonly log: string;
  readonly partition: number;
}

async function* blocksBetween(
  { store, judge, ...place }: Partition,
  start: bigint,
  end: bigint,
): AsyncGenerator<Manifest> {
  const blocks = await listRanges(store, { ...place, kind: "manifests" }, start, end);
  const whole = blocks.filter((block) => block.end <= end);
  yield* readManifests(store, place.root, whole, "manifests", judge);
}

/** Compacted ranges; of the first, only the blocks from `start` on if they are still there. */
async function* compactedBetween(
  { store, judge, ...place }: Partition,
  start: bigint,
  end: bigint,
): AsyncGenerator<Manifest> {
  const { root } = place;
  const all = await listRanges(store, { ...place, kind: "compacted_manifests" }, 0n, end);
  const ranges = all.filter((range) => range.end > start);
  const [first] = ranges;
  if (first !== undefined && first.start < start) {
    const listed = await listRanges(store, { ...place, kind: "manifests" }, start, first.end);
    const blocks = withoutHole(listed, start);
    if (blocks.at(-1)?.end === first.end) {
      ranges.shift();
      yield* readManifests(store, root, blocks, "manifests", judge);
    }
  }
  yield* readManifests(store, root, ranges, "compacted_manifests", judge);
}
