import type { Columns, DecodeFault } from "../model/columns.ts";
import { ExternalError, LogGapError } from "../std/errors.ts";
import type { EventSchema } from "../events.ts";
import type { ArchivedRecords, Manifest, ObjectStore, Warehouse } from "../ports/ports.ts";
import { archivedRanges, coveredFrom, rangesAt } from "./archived_ranges.ts";
import { ArchivedSlice, type IdentityHash } from "./archived_slice.ts";
import { beforeFile, filePrefix, type ManifestKind, manifestName } from "./archive_names.ts";
import { eventColumns, filesSql, letterColumns } from "./archive_relation.ts";
import { FileChecks } from "./file_checks.ts";
import { ticksOf } from "./manifest.ts";
import { ManifestChain } from "./manifest_chain.ts";
import { type Judge, readManifests } from "./read_manifests.ts";

/** Options of {@link openArchivedRecords}. */
export interface ArchivedRecordsOptions {
  readonly schema: EventSchema;
  /** The root of the decoding. Default: the topic, the root of the first one. */
  readonly root?: string;
  /** By partition, up to where another decoding archived what the log may still hold. Default: 0. */
  readonly takenOver?: readonly bigint[];
  readonly store: ObjectStore;
  /** Reads the Parquet files. */
  readonly warehouse: Warehouse;
  /** The log whose records are wanted. */
  readonly logId: string;
  /** As the decoder hashes. */
  readonly hashIdentity: IdentityHash;
  /** Whether the records' own bytes are given, as far as the archive has them. Default false. */
  readonly raw?: boolean;
  /** Offsets that are fetched at once. Default 65,536: as many as a block has at most. */
  readonly sliceOffsets?: number;
  /** Bytes of texts after which no further record is fetched at once. Default 32 MiB. */
  readonly sliceBytes?: number;
  /** Default: checks of its own, which tell no one but the caller. */
  readonly checks?: FileChecks;
}

/** Bytes of texts that are fetched at once: of events, and of dead letters. */
const SLICE_BYTES = 32 * 2 ** 20;
/** Blocks that are fetched at once. */
const SLICE_BLOCKS = 64;
/** Slices that readers have begun and not ended, one of each reader. */
const MAX_SLICES = 8;

/**
 * Opens the archive of one log for reading its records back. What the manifests cover is held, and
 * every file that they list has to be there with its rows: a hole is never read as nothing.
 *
 * @example
 * ```ts
 * import { openArchivedRecords } from "./archived_records.ts";
 * import { hashIdentity } from "../decode/identity.ts";
 * import { defineSchema, instant, string } from "../events.ts";
 * import type { ObjectStore, Warehouse } from "../ports/ports.ts";
 * const records = openArchivedRecords({
 *   schema: defineSchema({
 *     topic: "t", version: 1, summary: "", eventId: "id", eventTime: "at", partitionKey: "id",
 *     fields: { id: string(), at: instant() },
 *   }),
 *   store: { async *list() {} } as unknown as ObjectStore,
 *   warehouse: {} as Warehouse,
 *   logId: "local-1",
 *   hashIdentity,
 * });
 * // Nothing is archived, so nothing is held.
 * if (await records.heldFrom(0, 3n, 9n) !== 9n) throw new Error("unexpected");
 * ```
 */
export function openArchivedRecords(options: ArchivedRecordsOptions): ArchivedRecords {
  return new ArchiveOfLog(options);
}

class ArchiveOfLog implements ArchivedRecords {
  readonly #options: ArchivedRecordsOptions;
  readonly #root: string;
  readonly #compacted: ManifestChain;
  readonly #checks: FileChecks;
  /** Begun slices by the partition and the position at which they go on. */
  readonly #slices = new Map<string, ArchivedSlice>();
  readonly #sliceBytes: number;

  constructor(options: ArchivedRecordsOptions) {
    const { schema: { topic }, store, checks } = options;
    this.#options = options;
    this.#root = options.root ?? topic;
    this.#checks = checks ?? new FileChecks({ topic, store });
    this.#compacted = new ManifestChain(this.#root, store, "compacted_manifests");
    this.#sliceBytes = options.sliceBytes ?? SLICE_BYTES;
  }

  decidesBelow(partition: number): bigint {
    return this.#options.takenOver?.[partition] ?? 0n;
  }

  async heldFrom(partition: number, from: bigint, to: bigint): Promise<bigint> {
    if (from >= to) return to;
    return coveredFrom(await this.#ranges(partition, from, to), from, to);
  }

  async read(
    partition: number,
    from: bigint,
    to: bigint,
    columns: Columns,
  ): Promise<DecodeFault[]> {
    const key = `${partition} ${from}`;
    const slice = this.#slices.get(key) ?? await this.#fetch(partition, from, to);
    this.#slices.delete(key);
    const faults = slice.fill(columns);
    if (!slice.isDone) this.#keep(`${partition} ${slice.position}`, slice);
    return faults;
  }

  async lastEventMs(partition: number, end: bigint): Promise<number | null> {
    const { store } = this.#options;
    const ranges = await this.#ranges(partition, 0n, end);
    if (coveredFrom(ranges, 0n, end) > 0n) return null;
    let last = -1;
    for (const kind of ["compacted_manifests", "manifests"] as const) {
      const of = ranges.filter((range) => range.kind === kind);
      for await (const { eventMs } of readManifests(store, this.#root, of, kind)) {
        if (eventMs !== null && eventMs[1] > last) last = eventMs[1];
      }
    }
    return last;
  }

  #keep(key: string, slice: ArchivedSlice): void {
    this.#slices.set(key, slice);
    // Left by readers that have stopped; one that goes on fetches anew.
    if (this.#slices.size > MAX_SLICES) this.#slices.delete([...this.#slices.keys()][0]);
  }

  #ranges(partition: number, from: bigint, to: bigint) {
    const { store, logId: log } = this.#options;
    return archivedRanges(store, { root: this.#root, log, partition }, this.#compacted, from, to);
  }

  async #fetch(partition: number, from: bigint, to: bigint): Promise<ArchivedSlice> {
    const { schema, store, hashIdentity, sliceOffsets = 65_536 } = this.#options;
    const until = from + BigInt(sliceOffsets) < to ? from + BigInt(sliceOffsets) : to;
    const group = rangesAt(await this.#ranges(partition, from, until), from, SLICE_BLOCKS);
    const last = group.at(-1);
    if (last === undefined) {
      throw new LogGapError(
        `Cannot read records of ${schema.topic} back: the archive does not hold offset ${from} ` +
          `of partition ${partition}`,
        { topic: schema.topic, partition, offset: from },
      );
    }
    const end = last.end < until ? last.end : until;
    const manifests: Manifest[] = [];
    const judge: Judge = (name, read) => this.#checks.judging(name, read);
    await this.#checks.accepted.look();
    for await (const one of readManifests(store, this.#root, group, last.kind, judge)) {
      manifests.push(this.#checks.accepted.rest(one));
    }
    const files = manifests.flatMap(({ files, letters = [] }) => [...files, ...letters]);
    const [fault] = await this.#checks.hashNew(files);
    if (fault !== undefined) throw fault;
    const part = { partition, from, end, kind: last.kind, manifests };
    const [events, deadLetters] = [await this.#events(part), await this.#deadLetters(part)];
    const ticks = ticksIn(this.#root, part);
    const mayLackEvents = events.length >= this.#sliceBytes;
    const mayLackLetters = deadLetters.length >= this.#sliceBytes;
    return new ArchivedSlice({
      schema,
      hashIdentity,
      partition,
      from,
      end,
      events,
      deadLetters,
      ticks,
      mayLackEvents,
      mayLackLetters,
      raw: this.#options.raw,
    });
  }

  /** The events of a part as RowBinary. */
  async #events(part: ArchivePart): Promise<Uint8Array> {
    const { schema, store, logId } = this.#options;
    const files = part.manifests.flatMap((manifest) => manifest.files);
    if (files.length === 0) return new Uint8Array();
    const fields = schema.fieldNames.filter((name) => name !== schema.eventTime);
    const texts = fields.filter((name) => schema.fields[name].kind === "string");
    const own = this.#options.raw ? ["raw"] : [];
    return await this.#rows(part, {
      from: filesSql(store, eventColumns(schema), files, filePrefix(logId, part.partition)),
      columns: ["offset", "append_time", "event_time", ...fields, ...own],
      texts: [...texts, ...own],
      rows: files.reduce((sum, { rows }) => sum + rows, 0),
      // Which the files tell without being read.
      counted: "count()",
      what: "events",
    });
  }

  /** The dead letters of a part as RowBinary. They stay in the files of their blocks. */
  async #deadLetters(part: ArchivePart): Promise<Uint8Array> {
    const { store, logId } = this.#options;
    const manifests = part.manifests.filter(({ deadLetters }) => deadLetters > 0);
    if (manifests.length === 0) return new Uint8Array();
    const prefix = filePrefix(logId, part.partition);
    const letters = [];
    for (const manifest of manifests) letters.push(...await this.#lettersOf(manifest));
    return await this.#rows(part, {
      from: filesSql(store, letterColumns, letters, prefix),
      columns: ["offset", "append_time", "field", "reason", "value"],
      texts: ["reason", "value"],
      rows: manifests.reduce((sum, { deadLetters }) => sum + deadLetters, 0),
      // What a dead process wrote of other bounds and without a manifest may be among the files.
      counted: "uniqExact(offset)",
      what: "dead letters",
    });
  }

  /** The files of a range's dead letters; manifests of earlier builds do not list them. */
  async #lettersOf(
    { letters, partition, start, end }: Manifest,
  ): Promise<readonly { readonly name: string }[]> {
    if (letters !== undefined) return letters;
    const { store, logId } = this.#options;
    const folder = `${this.#root}/dead_letters/`;
    const from = folder + beforeFile(logId, partition, start);
    const to = folder + beforeFile(logId, partition, end);
    const found = [];
    for await (const file of store.list(folder, from)) {
      if (file.name >= to) break;
      found.push(file);
    }
    return found;
  }

  /**
   * Rows of a part in the order of their offsets; those behind `sliceBytes` of texts are left out.
   *
   * @throws ExternalError when the files do not hold the rows that the manifests count.
   */
  async #rows(part: ArchivePart, question: RowQuestion): Promise<Uint8Array> {
    const { schema, warehouse } = this.#options;
    const { partition, from, end } = part;
    const source = `FROM ${question.from}`;
    const [{ rows }] = await warehouse.query<{ rows: number | string }>(
      `SELECT ${question.counted} AS rows ${source}`,
    );
    if (Number(rows) !== question.rows) {
      throw new ExternalError(
        `Cannot read offsets [${from}, ${end}) of partition ${partition} of ${schema.topic} back: ` +
          `their manifests count ${question.rows} ${question.what}, the files hold ${rows}`,
        { topic: schema.topic, partition, offset: from, retriable: false },
      );
    }
    const columns = question.columns.join(", ");
    const textBytes = question.texts.map((name) => `ifNull(length(${name}), 0)`).join(" + ");
    const stream = await warehouse.stream(
      `SELECT ${columns} FROM (
  SELECT ${columns}, sum(${textBytes}) OVER (
    ORDER BY offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) - (${textBytes}) AS bytes_before
  FROM (
    SELECT ${columns} ${source} WHERE offset >= {from:UInt64} AND offset < {end:UInt64}
    ORDER BY offset LIMIT 1 BY offset
  )
) WHERE bytes_before < {most:UInt64} ORDER BY offset`,
      "RowBinary",
      { params: { from, end, most: this.#sliceBytes } },
    );
    return await new Response(stream).bytes();
  }
}

/** Offsets `[from, end)` of a partition, and the manifests that cover them. */
interface ArchivePart {
  readonly partition: number;
  readonly from: bigint;
  readonly end: bigint;
  readonly kind: ManifestKind;
  readonly manifests: readonly Manifest[];
}

interface RowQuestion {
  /** The files as a table. */
  readonly from: string;
  readonly columns: readonly string[];
  /** Those of the columns whose values vary in length. */
  readonly texts: readonly string[];
  /** What the manifests count. */
  readonly rows: number;
  readonly counted: string;
  readonly what: string;
}

function ticksIn(root: string, { manifests, kind, from, end }: ArchivePart) {
  return manifests
    .flatMap((manifest) => ticksOf(manifest, kind, manifestName(root, manifest, kind)))
    .filter(({ offset }) => offset >= from && offset < end);
}
