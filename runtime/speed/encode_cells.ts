import type { KeyColumn, Plugin } from "../plugin.ts";
import { murmurHash3 } from "../measures/hashes.ts";
import { SpeedKind } from "../sql/tables.ts";
import type { Cells } from "./cells.ts";
import type { RowBinaryWriter } from "../std/row_binary.ts";

/** Where a row stands: the first columns and the last of a speed table. */
export interface RowPosition {
  readonly partition: number;
  readonly block: bigint;
  /** The offset up to which the row is right (exclusive). */
  readonly version: bigint;
}

/**
 * Writes one row for each of the given cells, in the order of `speedColumns`, and notes the hashes of
 * the rows: `rowHashSql` computes the same of the table.
 */
export function encodeCells(
  writer: RowBinaryWriter,
  plugin: Plugin,
  cells: Cells,
  changed: Uint32Array,
  at: RowPosition,
): void {
  const { keyColumns } = plugin;
  const { states } = cells;
  const [blockLow, blockHigh] = halves(at.block);
  const [versionLow, versionHigh] = halves(at.version);
  for (let i = 0; i < changed.length; i++) {
    const cell = changed[i];
    writer.u8(SpeedKind.row);
    writer.u32(at.partition);
    writer.u64Halves(blockLow, blockHigh);
    const from = writer.lengthBytes;
    writer.u32(cells.lane(cell, 0));
    for (let key = 0; key < keyColumns.length; key++) {
      encodeKey(writer, keyColumns[key], cells, cells.lane(cell, key + 1));
    }
    for (let i = 0; i < states.length; i++) states[i].write(writer, cell);
    cells.noteRow(cell, murmurHash3(writer.buffer, from, writer.lengthBytes));
    writer.u64Halves(versionLow, versionHigh);
    writer.u32(0);
  }
}

/** The low and the high 32 bits: a bigint per row would be slow. */
function halves(value: bigint): [low: number, high: number] {
  return [Number(value & 0xffffffffn), Number(value >> 32n)];
}

/**
 * Writes a block's frontier row: the reserved row that says how far the block's rows reach, and the
 * sum of their hashes, by which missing rows are noticed.
 *
 * @param cells of the block, all of whose changed rows were written before; null where it has none.
 */
export function encodeFrontier(
  writer: RowBinaryWriter,
  plugin: Plugin,
  at: RowPosition,
  cells: Cells | null,
): void {
  writer.u8(SpeedKind.frontier);
  writer.u32(at.partition);
  writer.u64(at.block);
  writer.u32(0);
  for (const key of plugin.keyColumns) encodeKey(writer, key, null, 0);
  for (const column of plugin.measureColumns) column.allocate(1).write(writer, 0);
  writer.u64(at.version);
  writer.u32(cells?.rowsHash ?? 0);
}

function encodeKey(
  writer: RowBinaryWriter,
  key: KeyColumn,
  cells: Cells | null,
  lane: number,
): void {
  switch (key.type.kind) {
    case "string":
      return writer.text(cells === null ? "" : cells.texts[lane]);
    case "enumeration":
      return writer.u8(lane + 1);
    case "boolean":
      return writer.u8(lane);
    default:
      return writer.u32(lane);
  }
}
