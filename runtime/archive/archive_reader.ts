import { type Clock, systemClock } from "../clock.ts";
import { ExternalError, TwofoldError } from "../errors.ts";
import type { EventSchema } from "../events.ts";
import type { Cut } from "../frontier.ts";
import type { ArchiveReader, Manifest, ObjectStore } from "../ports.ts";
import { ArchiveChain } from "./archive_chain.ts";
import { relationSql } from "./archive_relation.ts";
import { listRanges, readManifests, withoutHole } from "./read_manifests.ts";

/** Options of {@link openArchiveReader}. */
export interface ArchiveReaderOptions {
  readonly schema: EventSchema;
  readonly store: ObjectStore;
  /** Default {@link systemClock}. */
  readonly clock?: Clock;
}

/**
 * How long `relation()` may rely on the last `frontier()`, in milliseconds. Compaction removes what
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
 * import type { ObjectStore } from "../ports.ts";
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
  const { schema, store, clock = systemClock } = options;
  const chain = new ArchiveChain(schema.topic, store);
  let looking: Promise<void> | null = null;
  let compacted: { readonly cut: Cut; readonly asOfMs: number } | null = null;
  const look = async () => {
    const asOfMs = clock.now();
    await chain.look();
    compacted = { cut: chain.compacted.cut(), asOfMs };
  };
  return {
    async frontier() {
      // Callers that ask at once share one look.
      looking ??= look().finally(() => looking = null);
      await looking;
      return chain.blocks.cut();
    },
    manifests: (base, cut) => manifestsBetween(schema.topic, store, chain, base, cut),
    relation(days) {
      if (compacted === null) {
        throw new TwofoldError("Cannot read the archive: its frontier() must be asked for before");
      }
      const ageMs = clock.now() - compacted.asOfMs;
      if (ageMs > RELATION_VALID_MS) {
        throw new ExternalError(
          `Cannot read the archive: its frontier() must have been asked for within ` +
            `${RELATION_VALID_MS} ms, it was ${ageMs} ms ago`,
        );
      }
      return relationSql(schema, store, days, compacted.cut);
    },
  };
}

async function* manifestsBetween(
  topic: string,
  store: ObjectStore,
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
      const partly = { topic, log, partition, store };
      if (start < compacted) yield* compactedBetween(partly, start, end);
      const from = start < compacted ? compacted : start;
      if (from < end) yield* blocksBetween(partly, from, end);
    }
  }
}

/** One partition of the archive. */
interface Partition {
  readonly topic: string;
  readonly log: string;
  readonly partition: number;
  readonly store: ObjectStore;
}

async function* blocksBetween(
  { store, ...place }: Partition,
  start: bigint,
  end: bigint,
): AsyncGenerator<Manifest> {
  const blocks = await listRanges(store, { ...place, kind: "manifests" }, start, end);
  const whole = blocks.filter((block) => block.end <= end);
  yield* readManifests(store, place.topic, whole, "manifests");
}

/** Compacted ranges; of the first, only the blocks from `start` on if they are still there. */
async function* compactedBetween(
  { store, ...place }: Partition,
  start: bigint,
  end: bigint,
): AsyncGenerator<Manifest> {
  const { topic } = place;
  const all = await listRanges(store, { ...place, kind: "compacted_manifests" }, 0n, end);
  const ranges = all.filter((range) => range.end > start);
  const [first] = ranges;
  if (first !== undefined && first.start < start) {
    const listed = await listRanges(store, { ...place, kind: "manifests" }, start, first.end);
    const blocks = withoutHole(listed, start);
    if (blocks.at(-1)?.end === first.end) {
      ranges.shift();
      yield* readManifests(store, topic, blocks, "manifests");
    }
  }
  yield* readManifests(store, topic, ranges, "compacted_manifests");
}
