/**
 * Kafka's record batches (format 2) as they come from a broker, read without an object per record.
 *
 * @see https://kafka.apache.org/documentation/#recordbatch
 */
import { Buffer } from "node:buffer";
import { TwofoldError } from "../../std/errors.ts";
import { decompress } from "./codecs.ts";
import { crc32c } from "./crc32c.ts";
import type { AbortedTransaction } from "./requests.ts";

/** Offsets within a batch's header. */
const LENGTH_AT = 8,
  MAGIC_AT = 16,
  CHECKSUM_AT = 17,
  ATTRIBUTES_AT = 21,
  LAST_DELTA_AT = 23,
  FIRST_TIME_AT = 27;
const MAX_TIME_AT = 35, PRODUCER_AT = 43, COUNT_AT = 57, HEADER_BYTES = 61;
const MAGIC = 2;
/** Bits of a batch's attributes. */
const CODEC_BITS = 0x07, APPEND_TIME_BIT = 0x08, TRANSACTION_BIT = 0x10, CONTROL_BIT = 0x20;
const ABORT_MARKER = 0;

/** Once so much was decompressed, the batches behind are left for the next fetch. */
const ENOUGH_BYTES = 8 * 2 ** 20;

/** A batch whose records can be walked. */
export interface RecordBatch {
  /** The offset that records' deltas are added to. */
  readonly baseOffset: bigint;
  /** The last offset that the batch stands for; compaction may have removed its record. */
  readonly lastOffset: bigint;
  /** Records to read: 0 for markers, for aborted transactions, and where all were compacted away. */
  readonly count: number;
  /** The time that records' deltas are added to, in milliseconds since 1970 UTC. */
  readonly baseMs: number;
  /** The broker's time for all records, where the topic wants that; else null. */
  readonly appendMs: number | null;
  /** Where the records are in the range's bytes. */
  readonly start: number;
}

/** Batches that follow each other, and the bytes that hold their records, decompressed. */
export interface BatchRange {
  readonly batches: readonly RecordBatch[];
  readonly bytes: Uint8Array;
}

/** Whose records they are, for errors. */
export interface BatchSource {
  readonly topic: string;
  readonly partition: number;
}

interface Header {
  readonly at: number;
  readonly end: number;
  readonly attributes: number;
}

/**
 * Reads the headers of what a broker returned, decompresses, and leaves out what does not count.
 *
 * @param aborted the transactions that the broker named with it.
 * @throws TwofoldError for a batch that does not match its checksum, or in a format before Kafka
 * 0.11.
 */
export function readBatches(
  source: BatchSource,
  records: Buffer,
  aborted: readonly AbortedTransaction[],
): BatchRange {
  const headers = [...headersOf(source, records)];
  const isPlain = headers.every(({ attributes }) => (attributes & CODEC_BITS) === 0);
  const pieces: Uint8Array[] = [];
  let used = 0;
  const isAborted = abortedFilter(aborted);
  const batches: RecordBatch[] = [];
  for (const { at, end, attributes } of headers) {
    if (used >= ENOUGH_BYTES) break; // the next fetch begins with what is left
    let start = at + HEADER_BYTES;
    if (!isPlain) {
      const piece = decompress(attributes & CODEC_BITS, records.subarray(start, end));
      pieces.push(piece);
      start = used;
      used += piece.length;
    }
    const counts = !isAborted(records, at, attributes);
    batches.push(batchAt(records, at, attributes, start, counts));
  }
  return { batches, bytes: isPlain ? records : Buffer.concat(pieces) };
}

/** The last batch may be cut off; the first is returned whole, however large. */
function* headersOf(source: BatchSource, records: Buffer): Generator<Header> {
  for (let at = 0; at < records.length;) {
    const isHeader = at + HEADER_BYTES <= records.length;
    const end = isHeader ? at + LENGTH_AT + 4 + records.readInt32BE(at + LENGTH_AT) : Infinity;
    if (end > records.length && at > 0) return;
    const fault = end > records.length ? DAMAGED : faultOf(records, at, end);
    if (fault !== null) {
      const offset = isHeader ? records.readBigInt64BE(at) : undefined;
      throw new TwofoldError(
        `Cannot read the batch at offset ${offset} of topic "${source.topic}" partition ` +
          `${source.partition}: ${fault}`,
        { fault: "external", ...source, offset },
      );
    }
    yield { at, end, attributes: records.readInt16BE(at + ATTRIBUTES_AT) };
    at = end;
  }
}

const DAMAGED = "it is damaged; bring a whole copy back on the brokers, and start again";

/** Why a batch cannot be read; null where it can. */
function faultOf(records: Buffer, at: number, end: number): string | null {
  const format = records[at + MAGIC_AT];
  if (format !== MAGIC) {
    return `expected Kafka's record format 2, got ${format}; a topic written before Kafka 0.11 has ` +
      "to be copied";
  }
  if (end < at + HEADER_BYTES) return DAMAGED; // its length is not covered by the checksum
  const wanted = records.readUInt32BE(at + CHECKSUM_AT);
  const found = crc32c(records, at + ATTRIBUTES_AT, end);
  return found === wanted
    ? null
    : `its checksum is ${hex(found)} and should be ${hex(wanted)}: ${DAMAGED}`;
}

const hex = (checksum: number) => checksum.toString(16).padStart(8, "0");

function batchAt(
  records: Buffer,
  at: number,
  attributes: number,
  start: number,
  counts: boolean,
): RecordBatch {
  const baseOffset = records.readBigInt64BE(at);
  const hasAppendTime = (attributes & APPEND_TIME_BIT) !== 0;
  return {
    baseOffset,
    lastOffset: baseOffset + BigInt(records.readInt32BE(at + LAST_DELTA_AT)),
    count: counts ? records.readInt32BE(at + COUNT_AT) : 0,
    baseMs: Number(records.readBigInt64BE(at + FIRST_TIME_AT)),
    appendMs: hasAppendTime ? Number(records.readBigInt64BE(at + MAX_TIME_AT)) : null,
    start,
  };
}

/**
 * Tells of batches, in their order, which hold no record that counts: markers, and what a
 * transaction wrote that was aborted.
 */
function abortedFilter(aborted: readonly AbortedTransaction[]) {
  const waiting = [...aborted].sort((a, b) => a.firstOffset < b.firstOffset ? -1 : 1);
  const producers = new Set<bigint>();
  return (records: Buffer, at: number, attributes: number): boolean => {
    const producer = records.readBigInt64BE(at + PRODUCER_AT);
    if ((attributes & CONTROL_BIT) !== 0) {
      if (markerOf(records, at + HEADER_BYTES) === ABORT_MARKER) producers.delete(producer);
      return true;
    }
    if ((attributes & TRANSACTION_BIT) === 0) return false;
    const last = records.readBigInt64BE(at) + BigInt(records.readInt32BE(at + LAST_DELTA_AT));
    while (waiting.length > 0 && waiting[0].firstOffset <= last) {
      producers.add(waiting.shift()!.producerId);
    }
    return producers.has(producer);
  };
}

/** The kind of a marker: the second half of its record's key. */
function markerOf(records: Buffer, at: number): number {
  const walk = new RecordWalk(records, at);
  walk.next();
  return records.readInt16BE(walk.keyStart + 2);
}

/** Walks records one after the other; its fields tell the one at hand. */
export class RecordWalk {
  offsetDelta = 0;
  timeDelta = 0;
  keyStart = 0;
  /** The same as the start where there is no key. */
  keyEnd = 0;
  valueStart = 0;
  /** The same as the start where there is no value. */
  valueEnd = 0;
  headerCount = 0;
  readonly #bytes: Uint8Array;
  #at: number;
  #headersAt = 0;

  /** @param at where the first record begins. */
  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Moves to the next record. */
  next(): void {
    const length = this.#varint();
    const end = this.#at + length;
    this.#at++; // attributes, of no use so far
    this.timeDelta = this.#varlong();
    this.offsetDelta = this.#varint();
    this.keyStart = this.#skip();
    this.keyEnd = this.#at;
    this.valueStart = this.#skip();
    this.valueEnd = this.#at;
    this.headerCount = this.#varint();
    this.#headersAt = this.#at;
    this.#at = end;
  }

  /** Whether the record's only header has this name and this value. */
  hasOnlyHeader(name: Uint8Array, value: Uint8Array): boolean {
    if (this.headerCount !== 1) return false;
    const end = this.#at;
    this.#at = this.#headersAt;
    const isEqual = this.#isNext(name) && this.#isNext(value);
    this.#at = end;
    return isEqual;
  }

  /** Whether the bytes behind the length at hand are these. */
  #isNext(wanted: Uint8Array): boolean {
    const start = this.#skip();
    return this.#at - start === wanted.length &&
      wanted.every((byte, i) => this.#bytes[start + i] === byte);
  }

  /** Passes bytes behind their length over. @returns where they began. */
  #skip(): number {
    const length = this.#varint();
    const start = this.#at;
    if (length > 0) this.#at += length;
    return start;
  }

  #varint(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.#at++];
    let value = byte & 0x7f;
    for (let shift = 7; byte > 0x7f; shift += 7) {
      byte = bytes[this.#at++];
      value |= (byte & 0x7f) << shift;
    }
    return value >>> 1 ^ -(value & 1);
  }

  /** Beyond 32 bits by multiplication: exact up to 2^53, which is all of time. */
  #varlong(): number {
    const bytes = this.#bytes;
    let value = 0, factor = 1, byte: number;
    do {
      byte = bytes[this.#at++];
      value += (byte & 0x7f) * factor;
      factor *= 128;
    } while (byte > 0x7f);
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
