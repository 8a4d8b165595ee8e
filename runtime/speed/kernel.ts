import { type Columns, type FieldColumn, RowStatus, textAt } from "../model/columns.ts";
import type { KeyColumn, Plugin } from "../plugin.ts";
import type { Cells } from "./cells.ts";
import { type Picks, withComputed } from "./picker.ts";

/** A plugin's loop over columns. This is the seam of the speed layer: columns in, cells changed. */
export interface Kernel {
  /** Adds the events of rows `[firstRow, endRow)` that are no repeats to a block's cells. */
  apply(cells: Cells, firstRow: number, endRow: number): void;
}

/**
 * Makes the kernel of a plugin over one set of columns, which is filled anew for every chunk.
 *
 * @param picks what the plugin's expressions say of the rows.
 */
export function createKernel(plugin: Plugin, declared: Columns, picks: Picks): Kernel {
  const { keyColumns } = plugin;
  const { counts } = picks;
  const columns = withComputed(declared, picks);
  const { status, repeat, eventMs } = columns;
  const sizeMs = plugin.stream.window.sizeSeconds * 1000;
  const keys = keyColumns.map((key) => keySource(key, columns));
  const adders = plugin.measureColumns.map((column) => column.adder(columns));
  const probe = new Uint32Array(1 + keyColumns.length);
  /** The cell of each counted row, or −1. */
  const cellOf = new Int32Array(columns.capacity);
  /** The window of the last event: most events lie in the same one. */
  let windowMs = NaN;

  const findCells = (cells: Cells, firstRow: number, endRow: number) => {
    for (let row = firstRow; row < endRow; row++) {
      cellOf[row] = -1;
      if (status[row] !== RowStatus.event || repeat[row] === 1) continue;
      if (counts !== undefined && counts[row] === 0) continue;
      const sinceMs = eventMs[row] - windowMs;
      if (!(sinceMs >= 0 && sinceMs < sizeMs)) {
        windowMs = Math.floor(eventMs[row] / sizeMs) * sizeMs;
        probe[0] = windowMs / 1000;
      }
      for (let i = 0; i < keys.length; i++) {
        const { numbers, textOf } = keys[i];
        probe[i + 1] = textOf === null ? numbers[row] : cells.textNumber(textOf(row));
      }
      cellOf[row] = cells.touch(probe);
    }
  };

  return {
    apply(cells, firstRow, endRow) {
      findCells(cells, firstRow, endRow);
      for (let i = 0; i < adders.length; i++) {
        adders[i].add(cells.states[i], cellOf, firstRow, endRow);
      }
    },
  };
}

interface KeySource {
  readonly numbers: FieldColumn["values"];
  /** The text of a row, where the key is a text; it is numbered by the cells. */
  readonly textOf: ((row: number) => string) | null;
}

function keySource({ field, type }: KeyColumn, columns: Columns): KeySource {
  return {
    numbers: columns.fields[field].values,
    textOf: type.kind === "string" ? (row) => textAt(columns, field, row) : null,
  };
}
