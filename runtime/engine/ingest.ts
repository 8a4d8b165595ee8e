import { allocateColumns, type Columns, RowStatus } from "../model/columns.ts";
import { createDecoder } from "../decode/decoder.ts";
import { splitStream } from "../decode/line_splitter.ts";
import { messageOf, TwofoldError, UserError } from "../std/errors.ts";
import type { ProblemSink } from "../model/problems.ts";
import type { EventSchema } from "../events.ts";
import { encodeFrontier } from "../model/frontier.ts";
import { AppendBuffer } from "../log/append_buffer.ts";
import type { Decoder, EventLog, Frontier } from "../ports/ports.ts";
import type { Ingest, IngestAnswer } from "../ports/services.ts";
import { formatsOf, type RowFormat } from "../row_format.ts";
import { decompress } from "../sources/decompress.ts";
import { type JsonBatch, RowBatches } from "./row_batches.ts";

/** A topic that takes events in. */
export interface IngestTopic {
  readonly schema: EventSchema;
  readonly log: EventLog;
}

/** Batches of a body that may wait for the disk while the next is decoded. */
const BATCHES_UNDER_WAY = 4;

/** Faults that an answer lists one by one; the others are counted. */
const LISTED_FAULTS = 100;

/**
 * How many times its size a body may decompress to. Events of which nothing differs but a counter come
 * to 36 times in gzip and 122 times in zstd, usual ones to 10 and 20; a body of nothing but repetition
 * to 1,000 times in gzip and to any number in zstd.
 */
const MAX_RATIO = 200;

/** The end of a record of which the beginning alone was kept. */
export const CUT_OFF = new TextEncoder().encode("…");

/**
 * Takes events in: each body is decompressed, split, turned into JSON, validated by the same decoder
 * that the layers use, and appended batch by batch, so memory is bounded by a batch whatever the
 * body's size. What cannot be decoded is appended as it came: it ends up in the dead letter, and in
 * the answer. Of a line over 1 MiB the beginning is appended.
 *
 * @param declared the row formats beside the general ones, as they are when a body comes. Default:
 * none.
 */
export function createIngest(
  topics: readonly IngestTopic[],
  declared: () => readonly RowFormat[] = () => [],
): Ingest {
  const decodings = new WeakMap<EventSchema, Decoding>();
  const decodingOf = (schema: EventSchema) => {
    const known = decodings.get(schema);
    if (known !== undefined) return known;
    const made = { columns: allocateColumns(schema), decoder: createDecoder(schema) };
    decodings.set(schema, made);
    return made;
  };
  return {
    async ingest(body, format, topic, { encoding = null, maxBytes } = {}) {
      const formats = formatsOf(declared());
      if (!formats.has(format)) {
        throw refused("format", `one of ${[...formats.keys()].join(", ")}`, format);
      }
      const rowFormat = declared().find(({ name }) => name === format) ?? null;
      const { schema, log } = topicOf(topics, topic, rowFormat);
      const rows = new RowBatches(format === "csv" ? format : rowFormat, schema);
      const writer = new TopicWriter(schema, log, decodingOf(schema));
      const bytes = decompress(body, encoding, { maxBytes, maxRatio: MAX_RATIO });
      const framing = format === "json-array" || format === "csv" ? format : "ndjson";
      try {
        for await (const batch of splitStream(bytes, framing)) {
          for (const json of rows.of(batch)) await writer.append(json);
        }
      } finally {
        // Whatever is answered, nothing of the body comes into the log after it.
        await writer.ended();
      }
      return await writer.answer();
    },
  };
}

/** Has it stand as a problem that events cannot be taken, until they are taken again. */
export function reported({ ingest }: Ingest, problems: ProblemSink): Ingest {
  const report = { code: "ingest_failing", subject: "ingest" } as const;
  return {
    async ingest(...request) {
      try {
        const answer = await ingest(...request);
        problems.clear(report.code, report.subject);
        return answer;
      } catch (error) {
        if (error instanceof TwofoldError && error.fault === "external") {
          const message = `Cannot take events: ${messageOf(error)}`;
          problems.set({ ...report, message, error });
        }
        throw error;
      }
    },
  };
}

const refused = (field: string, wanted: string, got: string) =>
  new UserError(`Cannot take events: ${field} must be ${wanted}, got "${got}"`, { field });

/** Rows of a declared format are events of its schema, and of no other topic. */
function topicOf(
  topics: readonly IngestTopic[],
  given: string | undefined,
  format: RowFormat | null,
): IngestTopic {
  const own = format?.source.topic;
  const name = given ?? own;
  if (own !== undefined && name !== own) {
    throw refused("topic", `${own}, to which rows of ${format!.name} belong`, name!);
  }
  if (name === undefined && topics.length === 1) return topics[0];
  const found = topics.find(({ schema }) => schema.topic === name);
  if (found !== undefined) return found;
  const names = topics.map(({ schema }) => schema.topic).join(", ");
  throw refused("topic", `one of ${names}`, name ?? "");
}

/** What decodes the batches of a topic. All bodies share it: each batch in one turn of the event loop. */
interface Decoding {
  readonly columns: Columns;
  readonly decoder: Decoder;
}

const NO_BYTES = new Uint8Array(0);
/** The longest number as a key; longer keys make a buffer grow. */
const MOST_KEY_BYTES = 10;

class TopicWriter {
  /** As many as are needed at once, {@link BATCHES_UNDER_WAY} at most. */
  readonly #buffers: AppendBuffer[] = [];
  /** By buffer, the append of what it holds. */
  readonly #underWay: Promise<void>[] = [];
  #batches = 0;
  #accepted = 0;
  #rejectedTotal = 0;
  readonly #rejected: { line: number; field: string; reason: string }[] = [];
  #frontier: Frontier = [];

  constructor(
    readonly schema: EventSchema,
    readonly log: EventLog,
    readonly decoding: Decoding,
  ) {}

  async append(batch: JsonBatch): Promise<void> {
    const turn = this.#batches++ % BATCHES_UNDER_WAY;
    await this.#underWay[turn];
    const { columns, decoder } = this.decoding;
    for (const { line, sizeBytes, head } of batch.oversize) {
      const kept = `its first ${head.length} are kept`;
      this.#reject(line, "", `expected at most 1 MiB, got ${sizeBytes} bytes; ${kept}`);
    }
    for (const { row, field, reason } of decoder.decode(batch, columns)) {
      const fault = batch.rowFaults.get(row) ?? { field, reason };
      this.#reject(batch.line[row], fault.field, fault.reason);
    }
    if (batch.count === 0 && batch.oversize.length === 0) return;
    this.#buffers[turn] ??= new AppendBuffer({
      records: columns.count,
      bytes: batch.bytes.length + MOST_KEY_BYTES * columns.count,
    });
    const appended = this.#appendRows(this.#buffers[turn], batch.oversize);
    appended.catch(() => {}); // the caller that waits for it gets the error
    this.#underWay[turn] = appended;
  }

  /** Waits until no append is under way, whether they fail or not. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  async #appendRows(buffer: AppendBuffer, oversize: JsonBatch["oversize"]): Promise<void> {
    const { columns } = this.decoding;
    buffer.reset();
    for (const { head } of oversize) {
      // With this at its end it is no JSON, whatever it holds: an event is never half a line.
      head.set(CUT_OFF, head.length - CUT_OFF.length);
      buffer.add("", head);
    }
    let accepted = 0;
    for (let row = 0; row < columns.count; row++) {
      const event = columns.status[row] === RowStatus.event;
      if (event) accepted++;
      const key = event ? this.#key(row) : "";
      buffer.add(key, columns.bytes, columns.valueStart[row], columns.valueEnd[row]);
    }
    columns.bytes = NO_BYTES;
    const frontier = await this.log.append(buffer);
    this.#accepted += accepted;
    frontier.forEach((offset, partition) => {
      if (offset > (this.#frontier[partition] ?? 0n)) this.#frontier[partition] = offset;
      else this.#frontier[partition] ??= 0n;
    });
  }

  /**
   * Waits until all that was appended is durable, and tells of it.
   *
   * @throws what an append failed with.
   */
  async answer(): Promise<IngestAnswer> {
    await Promise.all(this.#underWay);
    return {
      accepted: this.#accepted,
      rejected: this.#rejected,
      rejected_total: this.#rejectedTotal,
      frontier: encodeFrontier({ [this.log.id]: this.#frontier }),
    };
  }

  #key(row: number): string | Uint8Array {
    const { columns } = this.decoding;
    const { field, values, ends } = columns.fields[this.schema.partitionKey];
    if (field.kind === "uint32") return String(values[row]);
    return columns.bytes.subarray(values[row], ends![row]);
  }

  #reject(line: number, field: string, reason: string): void {
    this.#rejectedTotal++;
    if (this.#rejected.length < LISTED_FAULTS) this.#rejected.push({ line, field, reason });
  }
}
