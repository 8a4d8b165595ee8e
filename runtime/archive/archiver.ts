import { OVER } from "../std/abortable.ts";
import { BlockWalk, DEFAULT_BLOCK_SIZE } from "../model/blocks.ts";
import type { Clock } from "../std/clock.ts";
import { allocateColumns, type Columns } from "../model/columns.ts";
import { asError, LogGapError, retry, TwofoldError } from "../std/errors.ts";
import type { EventSchema } from "../events.ts";
import type { Cut } from "../model/frontier.ts";
import { loopTurn } from "../std/loop_turn.ts";
import {
  type Assignment,
  type Decoder,
  type EventLog,
  type Membership,
  type ObjectStore,
  type RecordChunk,
  RecordKind,
} from "../ports/ports.ts";
import { singleMember } from "../ports/single_member.ts";
import { ArchiveChain } from "./archive_chain.ts";
import { type BlockRange, decodingIn, lostClaimName, manifestName } from "./archive_names.ts";
import { encodePart, type PartEncoder } from "./encode_block.ts";
import { encodeManifest } from "./manifest.ts";
import { addRows, OpenBlock } from "./open_block.ts";
import type { OpenBlockInfo } from "./pacemaker.ts";
import { claimRange } from "./range_claim.ts";

/** Options of {@link Archiver}. */
export interface ArchiverOptions {
  readonly schema: EventSchema;
  /** The root of the decoding. Default: the topic, the root of the first one. */
  readonly root?: string;
  readonly log: EventLog;
  readonly store: ObjectStore;
  readonly createDecoder: () => Decoder;
  /** Encodes parts of blocks, which are its own from then on. Default: {@link encodePart}. */
  readonly encodePart?: PartEncoder;
  /** Bytes of values that a part takes at most; only tests set it. Default `PART_BYTES`, 32 MiB. */
  readonly partBytes?: number;
  readonly clock: Clock;
  /** Offsets between two block bounds. Default 65,536. */
  readonly blockSize?: number;
  /**
   * What to do where the log no longer holds what comes next: `"stop"` throws LogGapError, `"skip"`
   * gives the lost range its empty manifests, for an operator who knows. Default `"stop"`.
   */
  readonly lostRanges?: "stop" | "skip";
  /** Told of offsets that were skipped. Default: nobody. */
  readonly onLost?: (range: BlockRange) => void;
  /** Which partitions fall to this process. Default: all. */
  readonly membership?: Membership;
}

/** Records decoded at a time. */
const CHUNK_RECORDS = 8192;

/** How long {@link Archiver.run} waits before it looks again by itself. */
const LOOK_AGAIN_MS = 5000;
/** How long records are gathered: a look costs much the same for few, and no reader waits for it. */
const GATHER_MS = 250;

type PutOptions = Parameters<ObjectStore["put"]>[2];

interface PartitionState {
  archived: bigint;
  /** The next offset to read. */
  read: bigint;
  /** Whether the last read found nothing more. */
  atEnd: boolean;
  walk: BlockWalk;
  open: OpenBlock;
}

/**
 * Writes the closed blocks of one topic's log to the archive. Progress is what the manifests say: a
 * new archiver goes on where they end. Several may work on the same log, they write the same bytes.
 */
export class Archiver {
  readonly #options: ArchiverOptions;
  readonly #root: string;
  readonly #blockSize: number;
  readonly #decoder: Decoder;
  readonly #columns: Columns;
  readonly #chain: ArchiveChain;
  readonly #membership: Membership;
  readonly #partitions = new Map<number, PartitionState>();
  readonly #archived = new Map<number, bigint>();
  readonly #errors = new Map<number, Error>();
  #busy: Promise<unknown> = Promise.resolve();

  constructor(options: ArchiverOptions) {
    this.#options = options;
    this.#root = options.root ?? options.schema.topic;
    this.#blockSize = options.blockSize ?? DEFAULT_BLOCK_SIZE;
    this.#decoder = options.createDecoder();
    this.#columns = allocateColumns(options.schema, CHUNK_RECORDS);
    this.#chain = new ArchiveChain(this.#root, options.store);
    this.#membership = options.membership ?? singleMember(options.log, options.clock);
  }

  /** How far this log is archived; a partition that was not looked at yet stands at 0. */
  frontier(): Cut {
    const { log } = this.#options;
    const offsets = Array.from(
      { length: log.partitionCount() },
      (_, partition) => this.#archived.get(partition) ?? 0n,
    );
    return { [log.id]: offsets };
  }

  /** Reads where the manifests end, so that {@link frontier} tells it before anything is archived. */
  async resume(): Promise<void> {
    for (let partition = 0; partition < this.#options.log.partitionCount(); partition++) {
      if (!this.#partitions.has(partition)) await this.#resume(partition);
    }
  }

  /** The last error of a partition, or null once it went well again. */
  error(partition: number): Error | null {
    return this.#errors.get(partition) ?? null;
  }

  /** The blocks that are open at the end of the log, for the pacemaker. */
  *openBlocks(): Generator<OpenBlockInfo> {
    for (const [partition, { atEnd, open }] of this.#partitions) {
      if (atEnd) {
        const { start, events, firstAppendMs } = open;
        yield { partition, block: start, events, firstAppendMs };
      }
    }
  }

  /**
   * Archives every block of a partition that is closed as of now; open blocks are left. One block is
   * encoded at a time: calls made at once take turns.
   *
   * @param signal stops after the chunk at hand.
   * @returns how far the partition is archived now, exclusive.
   * @throws LogGapError when the log starts above what comes next, or ends below it; whatever the
   * log and the store throw.
   */
  archiveClosed(partition: number, signal?: AbortSignal): Promise<bigint> {
    const turn = this.#busy.then(() => this.#archiveClosed(partition, signal));
    this.#busy = turn.catch(() => {});
    return turn;
  }

  /**
   * Archives blocks of the partitions that fall to this process as they close, until `signal` aborts.
   * Errors that may pass are retried; one that may not stops its partition. {@link error} tells both.
   */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const stopped = new Set<number>();
    while (!signal.aborted) {
      const assignment = this.#membership.assignment();
      for (const partition of [...this.#archived.keys()]) {
        if (assignment.archive.has(partition)) continue;
        this.#forget(partition);
        stopped.delete(partition);
      }
      for (const partition of assignment.archive) {
        if (stopped.has(partition) || signal.aborted) continue;
        try {
          await retry(() => this.archiveClosed(partition, signal), {
            signal,
            sleep: (ms) => clock.sleep(ms, signal),
          });
        } catch (error) {
          if (!(error instanceof TwofoldError && error.retriable)) stopped.add(partition);
        }
      }
      await this.#more(assignment, stopped, signal);
      await clock.sleep(GATHER_MS, signal);
    }
  }

  /** Others go on with the partition: how far they are, the manifests tell. */
  #forget(partition: number): void {
    this.#partitions.delete(partition);
    this.#archived.delete(partition);
    this.#errors.delete(partition);
  }

  async #archiveClosed(partition: number, signal?: AbortSignal): Promise<bigint> {
    try {
      const state = this.#partitions.get(partition) ?? await this.#resume(partition);
      const end = await this.#checkBounds(partition, state);
      state.atEnd = state.read >= end;
      while (state.read < end && !signal?.aborted) {
        const before = state.read;
        await loopTurn();
        await this.#archiveChunk(partition, state);
        if (state.read === before) break; // the log had nothing at hand; it is asked again later
        this.#errors.delete(partition); // how far it is behind, its frontier tells
      }
      state.atEnd = state.read >= end;
      this.#errors.delete(partition);
      return state.archived;
    } catch (error) {
      // The walk may stand in the middle of a chunk: begin again where the manifests end.
      this.#partitions.delete(partition);
      this.#errors.set(partition, asError(error));
      throw error;
    }
  }

  async #resume(partition: number): Promise<PartitionState> {
    const { log } = this.#options;
    let archived = this.#archived.get(partition);
    if (archived === undefined) {
      archived = await this.#chain.position(log.id, partition);
      this.#archived.set(partition, archived);
    }
    const state = this.#stateAt(archived);
    this.#partitions.set(partition, state);
    return state;
  }

  /**
   * Passes what is lost, where that is wanted.
   *
   * @returns the end of the log.
   */
  async #checkBounds(partition: number, state: PartitionState): Promise<bigint> {
    const { log, lostRanges = "stop" } = this.#options;
    const { start, end } = await log.bounds(partition);
    const gap = (what: string) =>
      new LogGapError(
        `Cannot archive "${log.topic}" partition ${partition} from offset ${state.read}: ${what}`,
        { topic: log.topic, partition, offset: state.read },
      );
    if (end < state.read) throw gap(`the log ends at ${end}, below what was read`);
    if (start > state.read) {
      if (lostRanges === "stop") {
        throw gap(
          `the log starts at ${start}, the records are lost; to go on without them, start with ` +
            "--lost-ranges skip",
        );
      }
      await this.#skip(partition, state, start);
    }
    return end;
  }

  /**
   * Passes what lies below the log's start: its blocks get empty manifests, unless others archived
   * them meanwhile. What was read of the first one is kept.
   */
  async #skip(partition: number, state: PartitionState, start: bigint): Promise<void> {
    const { log, onLost } = this.#options;
    const size = BigInt(this.#blockSize);
    const beginning = state.read === 0n ? await this.#beginning(partition, start) : 0n;
    const archived = await this.#chain.position(log.id, partition);
    if (archived > state.archived) this.#standAt(partition, state, archived);
    if (state.read >= start) return;
    onLost?.({ log: log.id, partition, start: state.read, end: start });
    let end = beginning > state.archived ? beginning : (state.archived / size + 1n) * size;
    for (; end <= start || end === beginning; end += size) {
      await this.#close(partition, state.open, end, { ifAbsent: state.open.events === 0 });
      this.#standAt(partition, state, end);
    }
    state.read = start > state.archived ? start : state.archived;
  }

  /**
   * Where the archive of a partition begins: at the last bound below the log's start, because there
   * may be millions of empty blocks before. All processes have to find the same one.
   */
  async #beginning(partition: number, start: bigint): Promise<bigint> {
    const { log, schema, store } = this.#options;
    const end = start - start % BigInt(this.#blockSize);
    if (end === 0n) return 0n;
    const range = { log: log.id, partition, start: 0n, end };
    const claim = lostClaimName(schema.topic, log.id, partition);
    return (await claimRange(store, claim, range)).end;
  }

  #standAt(partition: number, state: PartitionState, archived: bigint): void {
    this.#archived.set(partition, archived);
    Object.assign(state, this.#stateAt(archived));
  }

  #stateAt(archived: bigint): PartitionState {
    return {
      archived,
      read: archived,
      atEnd: false,
      walk: new BlockWalk(this.#blockSize, archived),
      open: this.#openAt(archived),
    };
  }

  #openAt(start: bigint): OpenBlock {
    return new OpenBlock(this.#options.schema, start, this.#options.partBytes);
  }

  /** Reads what comes next; retention may have run past it since the bounds were looked at. */
  async #readChunk(partition: number, state: PartitionState): Promise<RecordChunk> {
    const read = () => this.#options.log.read(partition, state.read, { maxRecords: CHUNK_RECORDS });
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof LogGapError)) throw error;
      await this.#checkBounds(partition, state);
      return await read();
    }
  }

  async #archiveChunk(partition: number, state: PartitionState): Promise<void> {
    const chunk = await this.#readChunk(partition, state);
    const columns = this.#columns;
    const faults = this.#decoder.decode(chunk, columns);
    const isTick = (row: number) => chunk.kind[row] === RecordKind.tick;
    for (const segment of state.walk.segments(chunk, isTick)) {
      const { end } = segment;
      const cut = (end: bigint) => this.#cut(partition, state.open, end);
      await addRows(state.open, columns, segment, faults, cut);
      if (end === null) continue;
      await this.#close(partition, state.open, end);
      state.archived = end;
      this.#archived.set(partition, end);
      state.open = this.#openAt(end);
    }
    state.read = chunk.to;
  }

  /** Stores the part at hand, before the block ends; without a manifest nobody reads it. */
  async #cut(partition: number, open: OpenBlock, end: bigint, options?: PutOptions): Promise<void> {
    const { store, log, encodePart: encode = encodePart } = this.#options;
    const part = await encode(this.#root, open.cut({ log: log.id, partition }, end));
    for (const { name, bytes } of part.objects) await store.put(name, bytes, options);
    open.stored(part);
  }

  /** Stores the end of a block; doing it again replaces every object by the same bytes. */
  async #close(
    partition: number,
    open: OpenBlock,
    end: bigint,
    options?: PutOptions,
  ): Promise<void> {
    const { store, log } = this.#options;
    await this.#cut(partition, open, end, options);
    const manifest = open.manifest({ log: log.id, partition }, end);
    await store.put(
      manifestName(this.#root, manifest),
      encodeManifest({ ...manifest, decoding: decodingIn(this.#root) }),
      options,
    );
  }

  /** Resolves when there may be more to do. */
  async #more(
    assignment: Assignment,
    stopped: ReadonlySet<number>,
    signal: AbortSignal,
  ): Promise<void> {
    const { log, clock } = this.#options;
    const waiting = new AbortController();
    const abort = () => waiting.abort(OVER);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    // Partitions in error are looked at again after a while.
    const again = clock.sleep(LOOK_AGAIN_MS, waiting.signal);
    const changes = [...this.#partitions]
      .filter(([partition]) => !stopped.has(partition))
      .map(([partition, { read }]) => log.changed(partition, read, waiting.signal));
    changes.push(this.#membership.changed(assignment, waiting.signal));
    await Promise.race([again, ...changes.map((change) => change.catch(() => again))]);
    abort();
    signal.removeEventListener("abort", abort);
    await Promise.allSettled([again, ...changes]);
  }
}
