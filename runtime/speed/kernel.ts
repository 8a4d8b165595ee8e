import { type Columns, RowStatus } from "../columns.ts";
import type { KeyColumn, MeasureColumn, Plugin } from "../plugin.ts";
import type { Cells } from "./cells.ts";
import { createCursor, type Cursor, textAt } from "./cursor.ts";

/**
 * A plugin's loop over columns. This is the seam of the speed layer: columns in, cells changed; an
 * isolate can run it on the same shared columns.
 */
export interface Kernel {
  /** Adds the events of rows `[firstRow, endRow)` that are no repeats to a block's cells. */
  apply(cells: Cells, firstRow: number, endRow: number): void;
}

/** Makes the kernel of a plugin over one set of columns, which is filled anew for every chunk. */
export function createKernel(plugin: Plugin, columns: Columns): Kernel {
  const cursor = createCursor(columns);
  const { where } = plugin;
  const { sizeSeconds } = plugin.stream.window;
  const fillKeys = plugin.keyColumns.map((key) => keyFiller(key, columns, cursor));
  const add = plugin.measureColumns.map((column, i) => adder(column, i, columns));
  const probe = new Uint32Array(1 + plugin.keyColumns.length);
  /** The cell of each counted row, or −1. */
  const cellOf = new Int32Array(columns.capacity);

  const findCell = (cells: Cells, row: number): number => {
    if (columns.status[row] !== RowStatus.event || columns.repeat[row] === 1) return -1;
    cursor.row = row;
    if (where !== undefined && !where(cursor.event)) return -1;
    const seconds = Math.floor(columns.eventMs[row] / 1000);
    probe[0] = seconds - seconds % sizeSeconds;
    for (let i = 0; i < fillKeys.length; i++) probe[i + 1] = fillKeys[i](cells, row);
    return cells.touch(probe);
  };

  return {
    apply(cells, firstRow, endRow) {
      for (let row = firstRow; row < endRow; row++) cellOf[row] = findCell(cells, row);
      for (const addColumn of add) addColumn(cells, cellOf, firstRow, endRow);
    },
  };
}

function keyFiller(
  key: KeyColumn,
  columns: Columns,
  cursor: Cursor,
): (cells: Cells, row: number) => number {
  const { of, field, type } = key;
  if (field !== undefined) {
    if (type.kind === "string") {
      return (cells, row) => cells.textNumber(textAt(columns, field, row));
    }
    const { values } = columns.fields[field];
    return (_cells, row) => values[row];
  }
  return (cells) => {
    const value = of!(cursor.event);
    if (type.kind === "string") return cells.textNumber(String(value));
    const number = type.kind === "enumeration"
      ? type.values!.indexOf(String(value))
      : Number(value);
    if (!(Number.isInteger(number) && number >= 0 && number <= 0xffffffff)) {
      throw new RangeError(`Cannot compute key "${key.name}": wanted a ${type.kind}, got ${value}`);
    }
    return number;
  };
}

type Adder = (cells: Cells, cellOf: Int32Array, firstRow: number, endRow: number) => void;

/** The accumulate step of one measure column: a tight loop over one field. */
function adder(column: MeasureColumn, index: number, columns: Columns): Adder {
  if (column.adds === "one") {
    return (cells, cellOf, firstRow, endRow) => {
      const to = cells.values[index];
      for (let row = firstRow; row < endRow; row++) if (cellOf[row] >= 0) to[cellOf[row]]++;
    };
  }
  const { values, nulls } = columns.fields[column.field!];
  const step = stepOf(column, index, values);
  return (cells, cellOf, firstRow, endRow) => {
    for (let row = firstRow; row < endRow; row++) {
      const cell = cellOf[row];
      if (cell >= 0 && (nulls === undefined || nulls[row] === 0)) step(cells, cell, row);
    }
  };
}

function stepOf(
  column: MeasureColumn,
  index: number,
  values: Uint32Array | Uint8Array | Float64Array,
): (cells: Cells, cell: number, row: number) => void {
  if (column.adds === "present") return (cells, cell) => void cells.values[index][cell]++;
  switch (column.monoid) {
    case "sum":
      return (cells, cell, row) => void (cells.values[index][cell] += values[row]);
    case "min":
      // Not (a < b): also true when the cell still holds NaN.
      return (cells, cell, row) => {
        if (!(cells.values[index][cell] <= values[row])) cells.values[index][cell] = values[row];
      };
    case "max":
      return (cells, cell, row) => {
        if (!(cells.values[index][cell] >= values[row])) cells.values[index][cell] = values[row];
      };
    case "union":
      return (cells, cell, row) => cells.sets[index]!.add(cell, values[row]);
  }
}
