import { type RecordChunk, RecordKind } from "../ports/ports.ts";

/** The first offset of a {@link chunkOf}; the log leaves out every second one. */
export const FIRST_OFFSET = 40n;

/** Puts the values of records behind each other into a chunk of partition 3; null is a tick. */
export function chunkOf(values: readonly (Uint8Array | string | null)[]): RecordChunk {
  const encoder = new TextEncoder();
  const parts = values.map((value) =>
    value === null ? new Uint8Array(0) : typeof value === "string" ? encoder.encode(value) : value
  );
  const bytes = new Uint8Array(
    new SharedArrayBuffer(parts.reduce((sum, { length }) => sum + length, 0)),
  );
  const valueStart = new Uint32Array(parts.length);
  const valueEnd = new Uint32Array(parts.length);
  let p = 0;
  parts.forEach((part, i) => {
    bytes.set(part, p);
    valueStart[i] = p;
    valueEnd[i] = p += part.length;
  });
  return {
    partition: 3,
    from: FIRST_OFFSET,
    to: FIRST_OFFSET + BigInt(parts.length) * 2n,
    count: parts.length,
    offsetDelta: Uint32Array.from(parts, (_, i) => i * 2),
    appendMs: Float64Array.from(parts, (_, i) => 1_700_000_000_000 + i),
    kind: Uint8Array.from(values, (value) => value === null ? RecordKind.tick : RecordKind.event),
    bytes,
    valueStart,
    valueEnd,
  };
}
