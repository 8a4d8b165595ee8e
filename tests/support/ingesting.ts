/** An ingest over a log in memory, and bodies for it. */
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import { ratingFormats } from "./movielens_formats.ts";
import { createIngest } from "../../runtime/engine/ingest.ts";
import type { IngestOptions } from "../../runtime/ports/services.ts";
import { readAll } from "./log_reading.ts";
import { MemoryLog } from "./memory_log.ts";

/** A text in UTF-8. */
export const bytesOf = (text: string) => new TextEncoder().encode(text);

/** A stream in pieces that tells how many were taken. */
export function streamOf(bytes: Uint8Array, sizeBytes = 65536) {
  const taken = { pieces: 0 };
  let at = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      taken.pieces++;
      controller.enqueue(bytes.slice(at, at += sizeBytes));
    },
  }, { highWaterMark: 0 });
  return { stream, taken };
}

/** Ingests one body. Returns its answer or its error, and what the log holds then. */
export async function take(
  format: string,
  body: string | Uint8Array,
  { sizeBytes, ...options }: IngestOptions & { sizeBytes?: number } = {},
) {
  const log = new MemoryLog({ topic: movieViewing.topic, partitions: 1 });
  const ingest = createIngest([{ schema: movieViewing, log }], () => ratingFormats);
  const bytes = typeof body === "string" ? bytesOf(body) : body;
  const answer = ingest.ingest(streamOf(bytes, sizeBytes).stream, format, undefined, options);
  const settled = await answer.then((answer) => ({ answer, error: null }), (error) => ({
    answer: null,
    error: error as unknown,
  }));
  const values = (await readAll(log, 0)).map(({ value }) => value);
  return { ...settled, values, events: () => values.map((value) => JSON.parse(value)) };
}

/** The columns of a CSV body. */
export const HEADER = "timestamp,event_id,user_id,movie_id,event_type,duration,rating,device";
/** A view, with fields replaced. */
export const event = (id: string, more: object = {}) => ({
  timestamp: "2026-01-01T00:00:00Z",
  event_id: id,
  user_id: 1,
  movie_id: 2,
  event_type: "view",
  ...more,
});
