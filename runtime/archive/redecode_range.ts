import type { EventSchema } from "../events.ts";
import { allocateColumns, type Columns, type DecodeFault, RowStatus } from "../model/columns.ts";
import {
  type ArchivedRecords,
  type Decoder,
  type Manifest,
  type ObjectStore,
  type RecordChunk,
  RecordKind,
} from "../ports/ports.ts";
import { loopTurn } from "../std/loop_turn.ts";
import { type ManifestKind, manifestName } from "./archive_names.ts";
import type { PartEncoder } from "./encode_block.ts";
import { ticksOf } from "./manifest.ts";
import { addRows, OpenBlock } from "./open_block.ts";

/** What {@link redecodeRange} works with. */
export interface RedecodeParts {
  readonly schema: EventSchema;
  /** The root of the new decoding. */
  readonly root: string;
  readonly store: ObjectStore;
  /** The records as they were archived, with `raw`. */
  readonly records: ArchivedRecords;
  readonly decoder: Decoder;
  readonly encodePart: PartEncoder;
  readonly partBytes?: number;
}

/** Records read at a time. */
const CHUNK_RECORDS = 8192;

/**
 * Decodes a block or a compacted range again: dead letters, and events whose bytes the archive has.
 * All other rows stay as they are. Holds one part of the range at a time, stores each part, and
 * leaves the manifest to the caller. Doing it again stores the same bytes.
 *
 * @param manifest of the range, by the decoding before.
 */
export async function redecodeRange(
  parts: RedecodeParts,
  manifest: Manifest,
  kind: ManifestKind,
  signal?: AbortSignal,
): Promise<Manifest> {
  const { schema, root, store, records, decoder, encodePart } = parts;
  const { partition, start, end } = manifest;
  const open = new OpenBlock(schema, start, parts.partBytes);
  const cut = async (at: bigint) => {
    const part = await encodePart(root, open.cut(manifest, at, kind));
    for (const { name, bytes } of part.objects) await store.put(name, bytes);
    open.stored(part);
  };
  const columns = allocateColumns(schema, CHUNK_RECORDS);
  const again = allocateColumns(schema, CHUNK_RECORDS);
  for (let at = start; at < end; at = columns.to) {
    signal?.throwIfAborted();
    await loopTurn();
    await records.read(partition, at, end, columns);
    const rows = rowsWithBytes(columns);
    const faults = decoder.decode(chunkOf(columns, rows), again);
    for (const [from, firstRow, endRow] of inOrder(columns, again, rows)) {
      await addRows(open, from, { firstRow, endRow }, from === again ? faults : NO_FAULTS, cut);
    }
  }
  await cut(end);
  const ticks = kind === "manifests"
    ? undefined
    : ticksOf(manifest, kind, manifestName(root, manifest, kind));
  return { ...open.manifest(manifest, end), ticks };
}

const NO_FAULTS: readonly DecodeFault[] = [];

/** The rows whose record can be decoded again. */
function rowsWithBytes({ status, unknown, count }: Columns): Uint32Array {
  const rows = new Uint32Array(count);
  let found = 0;
  for (let row = 0; row < count; row++) {
    if (status[row] === RowStatus.deadLetter || unknown[row] === 1) rows[found++] = row;
  }
  return rows.subarray(0, found);
}

/** Some rows as a chunk of the log. */
function chunkOf(columns: Columns, rows: Uint32Array): RecordChunk {
  const { partition, from, to, bytes } = columns;
  return {
    partition,
    from,
    to,
    count: rows.length,
    offsetDelta: rows.map((row) => columns.offsetDelta[row]),
    appendMs: Float64Array.from(rows, (row) => columns.appendMs[row]),
    kind: new Uint8Array(rows.length).fill(RecordKind.event),
    bytes,
    valueStart: rows.map((row) => columns.valueStart[row]),
    valueEnd: rows.map((row) => columns.valueEnd[row]),
  };
}

/**
 * All rows of a chunk in their order: those that were decoded again from there, the others from
 * where they were read. Yields columns with a range of their rows.
 */
function* inOrder(
  columns: Columns,
  again: Columns,
  rows: Uint32Array,
): Generator<[from: Columns, firstRow: number, endRow: number]> {
  let next = 0;
  for (let i = 0; i < rows.length;) {
    if (next < rows[i]) yield [columns, next, rows[i]];
    const first = i;
    do i++; while (i < rows.length && rows[i] === rows[i - 1] + 1);
    yield [again, first, i];
    next = rows[i - 1] + 1;
  }
  if (next < columns.count) yield [columns, next, columns.count];
}
