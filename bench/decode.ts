/**
 * Decoding into columns against plain `JSON.parse` per event, over the same bytes in the same run.
 *
 * Run: `deno run -A bench/decode.ts`
 */
import { movieViewing } from "../plugins/movie_viewing.schema.ts";
import { quick, title } from "./figures.ts";
import { allocateColumns } from "../runtime/model/columns.ts";
import { createDecoder } from "../runtime/decode/decoder.ts";
import { type RecordChunk, RecordKind } from "../runtime/ports/ports.ts";

const EVENTS = 200_000;
const CHUNK_RECORDS = 8192;
const ROUNDS = quick ? 4 : 12;

/** A small generator of pseudo-random numbers (xorshift32), so that every run sees the same bytes. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Movie events as compact JSON, or with the spaces that Python's json writes. */
function* movieEvents(count: number, spaced: boolean): Generator<string> {
  const random = randomFrom(20_240_101);
  const hex = (digits: number) => random(16 ** digits).toString(16).padStart(digits, "0");
  const types = ["view", "view", "view", "pause", "resume", "complete", "rating"];
  for (let i = 0; i < count; i++) {
    const type = types[random(types.length)];
    const id = `${hex(7)}a-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(6)}${hex(6)}`;
    const at = new Date(Date.UTC(2024, 0, 1) + i * 400 + random(3_600_000)).toISOString();
    const event = {
      event_id: id,
      user_id: 1 + random(100_000),
      movie_id: 1 + random(5_000),
      event_type: type,
      timestamp: at,
      duration: type === "rating" ? null : random(7_200_000) / 1000,
      rating: type === "rating" ? random(101) / 10 : null,
    };
    const text = JSON.stringify(event);
    yield spaced ? text.replaceAll(',"', ', "').replaceAll('":', '": ') : text;
  }
}

function chunksOf(events: Iterable<string>): RecordChunk[] {
  const encoder = new TextEncoder();
  const values = Array.from(events, (event) => encoder.encode(event));
  const chunks: RecordChunk[] = [];
  for (let at = 0; at < values.length; at += CHUNK_RECORDS) {
    const part = values.slice(at, at + CHUNK_RECORDS);
    const bytes = new Uint8Array(
      new SharedArrayBuffer(part.reduce((sum, { length }) => sum + length, 0)),
    );
    const valueStart = new Uint32Array(part.length);
    const valueEnd = new Uint32Array(part.length);
    let p = 0;
    part.forEach((value, i) => {
      valueStart[i] = p;
      bytes.set(value, p);
      valueEnd[i] = p += value.length;
    });
    chunks.push({
      partition: 0,
      from: BigInt(at),
      to: BigInt(at + part.length),
      count: part.length,
      offsetDelta: Uint32Array.from(part, (_, i) => i),
      appendMs: new Float64Array(part.length),
      kind: new Uint8Array(part.length).fill(RecordKind.event),
      bytes,
      valueStart,
      valueEnd,
    });
  }
  return chunks;
}

/** The best of some rounds, in millions of events per second. */
function rate(action: () => void): number {
  let bestMs = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    action();
    bestMs = Math.min(bestMs, performance.now() - start);
  }
  return EVENTS / bestMs / 1000;
}

function measure(name: string, events: Iterable<string>): void {
  const chunks = chunksOf(events);
  const sizeBytes = chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const columns = allocateColumns(movieViewing, CHUNK_RECORDS);
  const decodeAll = (decoder: ReturnType<typeof createDecoder>) => () => {
    for (const chunk of chunks) decoder.decode(chunk, columns);
  };
  const utf8 = new TextDecoder();
  let kept = 0;
  const parsed = rate(() => {
    for (const { count, bytes, valueStart, valueEnd } of chunks) {
      for (let i = 0; i < count; i++) {
        const event = JSON.parse(utf8.decode(bytes.subarray(valueStart[i], valueEnd[i])));
        kept += event.user_id;
      }
    }
  });
  const decoder = createDecoder(movieViewing);
  const decoded = rate(decodeAll(decoder));
  const reference = rate(decodeAll(createDecoder(movieViewing, { fastPath: false })));
  const { fastRecords, fallbackRecords, faultRecords } = decoder.stats;
  if (faultRecords > 0 || kept === 0) throw new Error("Cannot measure: the sample has faults");
  const share = 100 * fastRecords / (fastRecords + fallbackRecords);
  console.log(`${name} (${(sizeBytes / EVENTS).toFixed(0)} bytes per event)`);
  console.log(
    `  decoder          ${decoded.toFixed(2)} M events/s, fast path ${share.toFixed(1)} %`,
  );
  console.log(
    `  JSON.parse       ${parsed.toFixed(2)} M events/s, decoder is ${
      (decoded / parsed).toFixed(1)
    } x`,
  );
  console.log(`  fallback only    ${reference.toFixed(2)} M events/s`);
}

title("decoding, against JSON.parse");
measure("compact JSON", movieEvents(EVENTS, false));
measure("JSON with spaces", movieEvents(EVENTS, true));
