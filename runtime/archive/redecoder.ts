import type { EventSchema } from "../events.ts";
import type { SchemaChange } from "../model/schema_meaning.ts";
import type { ArchivedRecords, Decoder, Manifest, ObjectStore, Warehouse } from "../ports/ports.ts";
import type { ProblemSink } from "../model/problems.ts";
import type { Clock } from "../std/clock.ts";
import { DamagedError, messageOf } from "../std/errors.ts";
import { ArchiveChain } from "./archive_chain.ts";
import { beforeManifest, decodingIn, type ManifestKind, manifestName } from "./archive_names.ts";
import { openArchivedRecords } from "./archived_records.ts";
import type { IdentityHash } from "./archived_slice.ts";
import { changeSince, type Decoding, decodingBefore, isTakenOver } from "./decoding.ts";
import type { PartEncoder } from "./encode_block.ts";
import type { FileChecks } from "./file_checks.ts";
import { encodeManifest } from "./manifest.ts";
import { listRanges, readManifests, withoutHole } from "./read_manifests.ts";
import { redecodeRange } from "./redecode_range.ts";
import { rangesToRedecode } from "./ranges_to_redecode.ts";

/** Options of {@link Redecoder}. */
export interface RedecoderOptions {
  readonly schema: EventSchema;
  readonly decoding: Decoding;
  readonly store: ObjectStore;
  readonly warehouse: Warehouse;
  readonly clock: Clock;
  readonly checks: FileChecks;
  readonly problems: ProblemSink;
  readonly createDecoder: () => Decoder;
  /** As the decoder hashes. */
  readonly hashIdentity: IdentityHash;
  readonly encodePart: PartEncoder;
  /** Bytes of values that a part takes at most; only tests set it. Default `PART_BYTES`, 32 MiB. */
  readonly partBytes?: number;
  /** Whether this process does it now: one at a time is enough. Default: always. */
  readonly isOurTurn?: () => boolean;
}

/** One partition of what is taken over. */
interface Place {
  readonly log: string;
  readonly partition: number;
}

/** Manifests that are looked at together. */
const GROUP = 64;
const LOOK_AGAIN_MS = 1000;
/** What failed begins by reading files again. */
const RETRY_MS = 10_000;

/**
 * Gives a decoding manifests of all that it takes over from the one before. Files in which nothing
 * can change are listed where they lie; ranges with dead letters that may become events, or with
 * events that carry a new field in `raw`, are decoded again into files of the new decoding.
 *
 * How far it has come, the new manifests say: names follow from the range, a manifest is written
 * after its files, and ranges end where those of the decoding before ended when it was claimed. So it
 * goes on after a kill, and two processes write the same bytes.
 */
export class Redecoder {
  readonly #options: RedecoderOptions;
  readonly #chain: ArchiveChain;
  #isDone = false;
  #share = 0;
  /** Whose records are taken over; null where nothing is left to do. */
  #before: Decoding | null = null;

  constructor(options: RedecoderOptions) {
    this.#options = options;
    this.#chain = new ArchiveChain(options.decoding.root, options.store);
  }

  /** Looks whether anything is left to do. Called once, before anything is asked. */
  async open(): Promise<void> {
    const { store, decoding } = this.#options;
    this.#isDone = await isTakenOver(store, decoding);
    if (this.#isDone) return;
    this.#before = await decodingBefore(store, decoding);
    this.#report();
  }

  /** The root of the archive that is complete: of this decoding, or of the one before. */
  get completeRoot(): string {
    return this.#isDone ? this.#options.decoding.root : this.#before!.root;
  }

  /** Whether the archive is complete; before, no layer may read it. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** The share of the offsets that is done, 0 to 1; null once all are. */
  get share(): number | null {
    return this.#isDone ? null : this.#share;
  }

  /** Works, or waits for the process whose turn it is, until all is done or `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, store, decoding, isOurTurn = () => true } = this.#options;
    while (!this.#isDone && !signal.aborted) {
      let waitMs = LOOK_AGAIN_MS;
      try {
        if (isOurTurn()) await this.redecode(signal);
        else this.#isDone = await isTakenOver(store, decoding);
        this.#report();
      } catch (error) {
        if (signal.aborted) return;
        waitMs = RETRY_MS;
        this.#report(`it failed and is tried again: ${messageOf(error)}`);
      }
      if (!this.#isDone) await clock.sleep(waitMs, signal);
    }
  }

  /** Does what is left. */
  async redecode(signal?: AbortSignal): Promise<void> {
    const { store, decoding } = this.#options;
    const before = this.#before!;
    const change = changeSince(before, decoding.schema);
    await this.#done();
    for (const [log, offsets] of Object.entries(decoding.from)) {
      for (const partition of offsets.keys()) {
        await this.#partition({ log, partition }, before, change, signal);
      }
    }
    this.#isDone = await isTakenOver(store, decoding);
    this.#report();
  }

  async #partition(
    place: Place,
    before: Decoding,
    change: SchemaChange,
    signal?: AbortSignal,
  ): Promise<void> {
    const { decoding: { from, compacted } } = this.#options;
    const { log, partition } = place;
    const until = compacted[log]?.[partition] ?? 0n;
    const position = await this.#chain.position(log, partition);
    const records = this.#recordsOf(before, log);
    const sides = [["compacted_manifests", 0n, until], ["manifests", until, from[log][partition]]];
    for (const [kind, start, end] of sides as [ManifestKind, bigint, bigint][]) {
      const first = position > start ? position : start;
      if (first >= end) continue;
      await this.#ranges({ ...place, kind, first, end }, before, change, records, signal);
    }
  }

  async #ranges(
    side: Place & { kind: ManifestKind; first: bigint; end: bigint },
    before: Decoding,
    change: SchemaChange,
    records: ArchivedRecords,
    signal?: AbortSignal,
  ): Promise<void> {
    const { store, checks, decoding: { root } } = this.#options;
    const { kind, first, end, log, partition } = side;
    const listed = await listRanges(store, { ...side, root: before.root }, first, end);
    const ranges = withoutHole(listed, first);
    const reached = ranges.at(-1)?.end ?? first;
    if (reached < end) {
      const missing = `${beforeManifest(before.root, log, partition, reached, kind)}_*.json`;
      throw new DamagedError(missing, "it is missing, and is to be decoded again");
    }
    for (let at = 0; at < ranges.length; at += GROUP) {
      signal?.throwIfAborted();
      const group = ranges.slice(at, at + GROUP);
      const manifests: Manifest[] = [];
      await checks.accepted.look();
      const judge = checks.judging.bind(checks);
      for await (const one of readManifests(store, before.root, group, kind, judge)) {
        manifests.push(checks.accepted.rest(one));
      }
      const changed = await rangesToRedecode(this.#options, manifests, change);
      const put = async (manifest: Manifest) => {
        const bytes = encodeManifest({ ...manifest, decoding: decodingIn(root) });
        await store.put(manifestName(root, manifest, kind), bytes);
      };
      await Promise.all(manifests.filter((manifest) => !changed.has(manifest)).map(put));
      for (const manifest of changed) {
        await put(await this.#redecoded(manifest, kind, records, signal));
      }
      await this.#done();
      this.#report();
    }
  }

  async #redecoded(
    manifest: Manifest,
    kind: ManifestKind,
    records: ArchivedRecords,
    signal?: AbortSignal,
  ): Promise<Manifest> {
    const { decoding: { root }, createDecoder } = this.#options;
    const parts = { ...this.#options, root, records, decoder: createDecoder() };
    return await redecodeRange(parts, manifest, kind, signal);
  }

  #recordsOf(before: Decoding, logId: string): ArchivedRecords {
    return openArchivedRecords({ ...this.#options, root: before.root, logId, raw: true });
  }

  /** Looks how many offsets are done. */
  async #done(): Promise<void> {
    const { from } = this.#options.decoding;
    await this.#chain.look();
    const at = this.#chain.blocks.cut();
    let [done, all] = [0, 0];
    for (const [log, offsets] of Object.entries(from)) {
      for (const [partition, offset] of offsets.entries()) {
        const position = at[log]?.[partition] ?? 0n;
        done += Number(position < offset ? position : offset);
        all += Number(offset);
      }
    }
    this.#share = done / all;
  }

  #report(fault?: string): void {
    const { problems, schema: { topic } } = this.#options;
    if (this.#isDone) return problems.clear("redecoding", topic);
    problems.set({
      code: "redecoding",
      subject: topic,
      topic,
      message: `The archive of ${topic} is being decoded again by its changed schema` +
        `${fault === undefined ? "" : `; ${fault}`}. Until it is complete, metrics answer as of ` +
        "before the change; the status shows the share as `redecoding`",
    });
  }
}
