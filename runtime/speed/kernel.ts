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
  const { where, keyColumns } = plugin;
  const { status, repeat, eventMs } = columns;
  const sizeMs = plugin.stream.window.sizeSeconds * 1000;
  /** Numbers as they are in the columns; null for keys that are computed or text. */
  const keyValues = keyColumns.map((key) => numbersOf(key, columns));
  const keyOf = keyColumns.map((key) => keyFunction(key, columns, cursor));
  const add = plugin.measureColumns.map((column, i) => adder(column, i, columns));
  const probe = new Uint32Array(1 + keyColumns.length);
  /** The cell of each counted row, or −1. */
  const cellOf = new Int32Array(columns.capacity);
  /** The window of the last event: most events lie in the same one. */
  let windowMs = NaN;

  const findCells = (cells: Cells, firstRow: number, endRow: number) => {
    for (let row = firstRow; row < endRow; row++) {
      cellOf[row] = -1;
      if (status[row] !== RowStatus.event || repeat[row] === 1) continue;
      if (where !== undefined) {
        cursor.row = row;
        if (!where(cursor.event)) continue;
      }
      const sinceMs = eventMs[row] - windowMs;
      if (!(sinceMs >= 0 && sinceMs < sizeMs)) {
        windowMs = Math.floor(eventMs[row] / sizeMs) * sizeMs;
        probe[0] = windowMs / 1000;
      }
      for (let i = 0; i < keyValues.length; i++) {
        const values = keyValues[i];
        probe[i + 1] = values === null ? keyOf[i](cells, row) : values[row];
      }
      cellOf[row] = cells.touch(probe);
    }
  };

  return {
    apply(cells, firstRow, endRow) {
      findCells(cells, firstRow, endRow);
      for (const addColumn of add) addColumn(cells, cellOf, firstRow, endRow);
    },
  };
}

function numbersOf({ field, type }: KeyColumn, columns: Columns): Uint32Array | Uint8Array | null {
  if (field === undefined || type.kind === "string") return null;
  return columns.fields[field].values as Uint32Array | Uint8Array;
}

function keyFunction(
  { name, of, field, type }: KeyColumn,
  columns: Columns,
  cursor: Cursor,
): (cells: Cells, row: number) => number {
  if (field !== undefined) return (cells, row) => cells.textNumber(textAt(columns, field, row));
  return (cells, row) => {
    cursor.row = row;
    const value = of!(cursor.event);
    if (type.kind === "string") return cells.textNumber(String(value));
    const number = type.kind === "enumeration"
      ? type.values!.indexOf(String(value))
      : Number(value);
    if (!(Number.isInteger(number) && number >= 0 && number <= 0xffffffff)) {
      throw new RangeError(`Cannot compute key "${name}": wanted a ${type.kind}, got ${value}`);
    }
    return number;
  };
}

type Adder = (cells: Cells, cellOf: Int32Array, firstRow: number, endRow: number) => void;

/**
 * The accumulate step of one measure column: a tight loop over one field. Every step has a loop of
 * its own, because a function called per event costs more than the step.
 */
function adder(column: MeasureColumn, index: number, columns: Columns): Adder {
  if (column.adds === "one") {
    return (cells, cellOf, firstRow, endRow) => {
      const to = cells.values[index];
      for (let row = firstRow; row < endRow; row++) if (cellOf[row] >= 0) to[cellOf[row]]++;
    };
  }
  const { values, nulls = new Uint8Array(columns.capacity) } = columns.fields[column.field!];
  if (column.adds === "present") {
    return (cells, cellOf, firstRow, endRow) => {
      const to = cells.values[index];
      for (let row = firstRow; row < endRow; row++) {
        if (cellOf[row] >= 0 && nulls[row] === 0) to[cellOf[row]]++;
      }
    };
  }
  switch (column.monoid) {
    case "sum":
      return (cells, cellOf, firstRow, endRow) => {
        const to = cells.values[index];
        for (let row = firstRow; row < endRow; row++) {
          if (cellOf[row] >= 0 && nulls[row] === 0) to[cellOf[row]] += values[row];
        }
      };
    case "min":
      return (cells, cellOf, firstRow, endRow) => {
        const to = cells.values[index];
        for (let row = firstRow; row < endRow; row++) {
          const cell = cellOf[row];
          // Not (a < b): also true when the cell still holds NaN.
          if (cell >= 0 && nulls[row] === 0 && !(to[cell] <= values[row])) to[cell] = values[row];
        }
      };
    case "max":
      return (cells, cellOf, firstRow, endRow) => {
        const to = cells.values[index];
        for (let row = firstRow; row < endRow; row++) {
          const cell = cellOf[row];
          if (cell >= 0 && nulls[row] === 0 && !(to[cell] >= values[row])) to[cell] = values[row];
        }
      };
    case "union":
      return (cells, cellOf, firstRow, endRow) => {
        const set = cells.sets[index]!;
        for (let row = firstRow; row < endRow; row++) {
          if (cellOf[row] >= 0 && nulls[row] === 0) set.add(cellOf[row], values[row]);
        }
      };
  }
}
