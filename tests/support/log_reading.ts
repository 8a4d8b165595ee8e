import { AppendBuffer } from "../../runtime/log/append_buffer.ts";
import type {
  EventLog,
  ReadOptions,
  RecordChunk,
  RecordsToAppend,
} from "../../runtime/ports/ports.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** A record as tests compare it. */
export interface PlainRecord {
  readonly offset: bigint;
  readonly value: string;
  readonly kind: number;
  readonly appendMs: number;
}

/** Records to append, from pairs of key and value. */
export function records(...pairs: (readonly [key: string, value: string])[]): RecordsToAppend {
  const buffer = new AppendBuffer();
  for (const [key, value] of pairs) buffer.add(key, encoder.encode(value));
  return buffer.take();
}

/** The records of a chunk, one object each. */
export function plain(chunk: RecordChunk): PlainRecord[] {
  return Array.from({ length: chunk.count }, (_, i) => ({
    offset: chunk.from + BigInt(chunk.offsetDelta[i]),
    value: decoder.decode(chunk.bytes.subarray(chunk.valueStart[i], chunk.valueEnd[i])),
    kind: chunk.kind[i],
    appendMs: chunk.appendMs[i],
  }));
}

/** Reads a partition from `from` (default its start) to its end. */
export async function readAll(
  log: EventLog,
  partition: number,
  from?: bigint,
  options?: ReadOptions,
): Promise<PlainRecord[]> {
  const bounds = await log.bounds(partition);
  const all: PlainRecord[] = [];
  for (let at = from ?? bounds.start; at < bounds.end;) {
    const chunk = await log.read(partition, at, options);
    if (chunk.to <= at) throw new Error(`read() stands still at ${at}`);
    all.push(...plain(chunk));
    at = chunk.to;
  }
  return all;
}

/** The values of all records of a partition. */
export async function readValues(log: EventLog, partition: number): Promise<string[]> {
  return (await readAll(log, partition)).map((record) => record.value);
}
