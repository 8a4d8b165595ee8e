/**
 * Writes a Parquet file of one row group from columns whose values are already bytes.
 *
 * The pages are laid out here, because `hyparquet-writer` takes a JavaScript value per cell: it
 * encodes such a block at 0.5 M rows/s and holds the event loop for 120 ms, against 20 ms for typed
 * arrays. Its Thrift writers make the page headers and the footer. Pages are of version 1: their
 * null levels are compressed with the values, and every reader knows them.
 */
import { constants, zstdCompressSync } from "node:zlib";
import { ByteWriter } from "hyparquet-writer";
import { writePageHeader } from "hyparquet-writer/src/datapage.js";
import { writeMetadata } from "hyparquet-writer/src/metadata.js";
import { bitPack, type ParquetColumn } from "./parquet_values.ts";

type FileMetaData = Parameters<typeof writeMetadata>[1];
type ColumnChunk = FileMetaData["row_groups"][number]["columns"][number];

/** A page of varying values is cut when it reaches this size. */
const PAGE_BYTES = 1 << 20;

/** zstd's fastest level: random ids come out no larger than with the default, five times faster. */
const ZSTD_LEVEL = 1;

const MAGIC = 0x31524150; // "PAR1"

/**
 * Encodes the given rows, in the given order, as a Parquet file. The same input gives the same
 * bytes.
 *
 * @param rows positions in the columns, in the order in which they are written.
 * @returns the whole file.
 */
export function encodeParquet(
  rows: Uint32Array,
  columns: readonly ParquetColumn[],
): Uint8Array {
  const writer = new ByteWriter(1 << 16);
  writer.appendUint32(MAGIC);
  const chunks: ColumnChunk[] = [];
  for (const column of columns) chunks.push(writeChunk(writer, rows, column));
  const size = (pick: "total_uncompressed_size" | "total_compressed_size") =>
    chunks.reduce((sum, chunk) => sum + chunk.meta_data![pick], 0n);
  writeMetadata(writer, {
    version: 2,
    created_by: "twofold",
    schema: [
      { name: "root", num_children: columns.length },
      ...columns.map((column) => column.element),
    ],
    num_rows: BigInt(rows.length),
    row_groups: [{
      columns: chunks,
      total_byte_size: size("total_uncompressed_size"),
      total_compressed_size: size("total_compressed_size"),
      num_rows: BigInt(rows.length),
    }],
    metadata_length: 0,
  });
  writer.appendUint32(MAGIC);
  return writer.getBytes().slice();
}

function writeChunk(writer: ByteWriter, rows: Uint32Array, column: ParquetColumn): ColumnChunk {
  const { element, dictionary } = column;
  const start = writer.offset;
  let plainBytes = 0;
  if (dictionary) {
    plainBytes += writePage(writer, dictionary.bytes, {
      type: "DICTIONARY_PAGE",
      dictionary_page_header: { num_values: dictionary.count, encoding: "PLAIN" },
    });
  }
  const dataStart = writer.offset;
  const encoding = dictionary ? "RLE_DICTIONARY" : "PLAIN";
  for (const page of pagesOf(rows, column)) {
    plainBytes += writePage(writer, pageBody(page, column), {
      type: "DATA_PAGE",
      data_page_header: {
        num_values: page.length,
        encoding,
        definition_level_encoding: "RLE",
        repetition_level_encoding: "RLE",
      },
    });
  }
  const bounds = column.bounds?.(rows);
  return {
    file_offset: BigInt(start),
    meta_data: {
      type: element.type!,
      encodings: dictionary ? ["PLAIN", "RLE", encoding] : ["RLE", encoding],
      path_in_schema: [element.name],
      codec: "ZSTD",
      num_values: BigInt(rows.length),
      total_uncompressed_size: BigInt(plainBytes),
      total_compressed_size: BigInt(writer.offset - start),
      data_page_offset: BigInt(dataStart),
      dictionary_page_offset: dictionary && BigInt(start),
      statistics: bounds && { min_value: bounds[0], max_value: bounds[1], null_count: 0n },
    },
  };
}

function* pagesOf(rows: Uint32Array, column: ParquetColumn): Generator<Uint32Array> {
  let first = 0;
  if (column.sizeBytes) {
    let bytes = 0;
    for (let i = 0; i < rows.length; i++) {
      bytes += column.sizeBytes(rows[i]);
      if (bytes < PAGE_BYTES) continue;
      yield rows.subarray(first, i + 1);
      first = i + 1;
      bytes = 0;
    }
  }
  if (first < rows.length) yield rows.subarray(first);
}

function pageBody(rows: Uint32Array, column: ParquetColumn): Uint8Array {
  const { nulls } = column;
  if (!nulls) return column.encode(rows);
  const levels = definitionLevels(rows, nulls);
  const values = column.encode(rows.filter((row) => nulls[row] === 0));
  const body = new Uint8Array(4 + levels.length + values.length);
  new DataView(body.buffer).setUint32(0, levels.length, true);
  body.set(levels, 4);
  body.set(values, 4 + levels.length);
  return body;
}

/** Which rows hold a value, as one bit-packed run. */
function definitionLevels(rows: Uint32Array, nulls: Uint8Array): Uint8Array {
  const present = new Uint8Array(rows.length);
  for (let i = 0; i < rows.length; i++) present[i] = 1 - nulls[rows[i]];
  return bitPack(present, 1);
}

type PageKind = Pick<
  Parameters<typeof writePageHeader>[1],
  "type" | "data_page_header" | "dictionary_page_header"
>;

function writePage(writer: ByteWriter, body: Uint8Array, kind: PageKind): number {
  const packed = zstdCompressSync(body, {
    params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL },
  });
  const start = writer.offset;
  writePageHeader(writer, {
    ...kind,
    uncompressed_page_size: body.length,
    compressed_page_size: packed.length,
  });
  const headerBytes = writer.offset - start;
  writer.appendBytes(packed);
  return headerBytes + body.length;
}
