/** One file of a compacted range: events of one day, written by the warehouse and read back. */
import { TwofoldError } from "../std/errors.ts";
import type { EventSchema } from "../events.ts";
import type { ArchiveFile, ObjectStore, Warehouse } from "../ports/ports.ts";
import { type BlockRange, compactedName, filePrefix } from "./archive_names.ts";
import { eventColumns, filesSql, structureOf } from "./archive_relation.ts";
import { sha256Aside } from "./manifest.ts";

/** What a compacted file is written with. */
export interface CompactedFileParts {
  readonly schema: EventSchema;
  /** The root of the decoding. Default: the topic, the root of the first one. */
  readonly root?: string;
  readonly store: ObjectStore;
  readonly warehouse: Warehouse;
}

/** zstd as the block files have it; small row groups, so that a reader skips by event time. */
const PARQUET_SETTINGS = {
  output_format_parquet_compression_method: "zstd",
  output_format_parquet_row_group_size: 131_072,
  output_format_parquet_row_group_size_bytes: 64 * 2 ** 20,
};

/** How many rows, and a hash over all their values that does not depend on their order. */
interface Digest {
  readonly rows: number;
  readonly hash: string;
}

/**
 * Writes the file of a day unless it is there, and compares what can be read from it with what can
 * be read from the block files: every value of every row. A file that was there is compared too.
 *
 * @param files the block files of the range on that day.
 * @throws TwofoldError when the block files or the new file do not hold these rows; a wrong new file
 * is removed.
 */
export async function writeCompactedFile(
  parts: CompactedFileParts,
  range: BlockRange,
  day: string,
  files: readonly ArchiveFile[],
  signal?: AbortSignal,
): Promise<ArchiveFile> {
  const { schema, root = schema.topic, store } = parts;
  const { topic } = schema;
  const name = compactedName(root, day, range);
  const rows = files.reduce((sum, { rows }) => sum + rows, 0);
  const prefix = filePrefix(range.log, range.partition);
  const source = filesSql(store, eventColumns(schema), files, prefix);
  const wanted = await digestOf(parts, source, signal);
  // Before anything is written: the block files of a range that another compactor has finished long
  // ago may be gone, and its file must not be touched.
  if (wanted.rows !== rows) throw fault(topic, range, day, `${rows} in block files`, wanted.rows);
  const bytes = await storeFile(parts, name, source, signal);
  const stored = await digestOf(parts, store.tableFunction(name, structure(schema)), signal);
  if (stored.rows !== wanted.rows || stored.hash !== wanted.hash) {
    await store.remove(name);
    const got = stored.rows === wanted.rows ? "other values" : stored.rows;
    throw fault(topic, range, day, `${rows} in "${name}"`, got);
  }
  return { name, day, rows, sizeBytes: bytes.length, sha256: await sha256Aside(bytes) };
}

const fault = (topic: string, range: BlockRange, day: string, wanted: string, got: unknown) =>
  new TwofoldError(
    `Cannot compact ${range.log} [${range.start}, ${range.end}) of ${day}: ` +
      `expected rows ${wanted}, got ${got}`,
    { topic, partition: range.partition, offset: range.start },
  );

const structure = (schema: EventSchema) => structureOf(eventColumns(schema));

async function digestOf(
  { schema, warehouse }: CompactedFileParts,
  table: string,
  signal?: AbortSignal,
): Promise<Digest> {
  // As a tuple: a null among the arguments would make the hash null.
  const values = eventColumns(schema).map(([name]) => name).join(", ");
  const [digest] = await warehouse.query<{ rows: number | string; hash: string }>(
    `SELECT count() AS rows, toString(sum(sipHash64(tuple(${values})))) AS hash FROM ${table}`,
    { signal },
  );
  return { rows: Number(digest.rows), hash: digest.hash };
}

/** Puts the rows of `source` as a Parquet file unless the name is taken. Returns what is there. */
async function storeFile(
  { schema, store, warehouse }: CompactedFileParts,
  name: string,
  source: string,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const columns = eventColumns(schema).map(([name, type]) =>
    // As text, like in the block files: older engines write an Enum as its number.
    type.includes("Enum8") ? `toString(${name}) AS ${name}` : name
  );
  const stream = await warehouse.stream(
    // In a subquery, so that the order is not by an alias.
    `SELECT ${columns.join(", ")} FROM (SELECT * FROM ${source} ORDER BY event_time, offset)`,
    "Parquet",
    { settings: PARQUET_SETTINGS, signal },
  );
  const bytes = await new Response(stream).bytes();
  if (await store.put(name, bytes, { ifAbsent: true })) return bytes;
  return await store.get(name) ?? new Uint8Array();
}
