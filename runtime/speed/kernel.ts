import { type Columns, RowStatus, textAt } from "../model/columns.ts";
import type { KeyColumn, Plugin } from "../plugin.ts";
import type { Cells } from "./cells.ts";
import type { PickedTexts, Picks } from "./picker.ts";

/** A plugin's loop over columns. This is the seam of the speed layer: columns in, cells changed. */
export interface Kernel {
  /**
   * Adds the events of rows `[firstRow, endRow)` that are no repeats to a block's cells.
   *
   * @param texts of computed keys, whose positions the picks hold.
   */
  apply(cells: Cells, firstRow: number, endRow: number, texts: PickedTexts): void;
}

/**
 * Makes the kernel of a plugin over one set of columns, which is filled anew for every chunk.
 *
 * @param picks what the plugin's own functions said of the rows.
 */
export function createKernel(plugin: Plugin, columns: Columns, picks: Picks): Kernel {
  const { keyColumns } = plugin;
  const { counts } = picks;
  const { status, repeat, eventMs } = columns;
  const sizeMs = plugin.stream.window.sizeSeconds * 1000;
  const keys = keyColumns.map((key, i) => keySource(key, columns, picks.keys[i]));
  const adders = plugin.measureColumns.map((column) => column.adder(columns));
  const probe = new Uint32Array(1 + keyColumns.length);
  /** The cell of each counted row, or −1. */
  const cellOf = new Int32Array(columns.capacity);
  /** The window of the last event: most events lie in the same one. */
  let windowMs = NaN;

  const findCells = (cells: Cells, firstRow: number, endRow: number, texts: PickedTexts) => {
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
        probe[i + 1] = textOf === null ? numbers[row] : cells.textNumber(textOf(row, texts[i]));
      }
      cellOf[row] = cells.touch(probe);
    }
  };

  return {
    apply(cells, firstRow, endRow, texts) {
      findCells(cells, firstRow, endRow, texts);
      for (let i = 0; i < adders.length; i++) {
        adders[i].add(cells.states[i], cellOf, firstRow, endRow);
      }
    },
  };
}

interface KeySource {
  readonly numbers: Uint32Array | Uint8Array;
  /** The text of a row, where the key is a text; it is numbered by the cells. */
  readonly textOf: ((row: number, texts: readonly string[]) => string) | null;
}

function keySource({ field, type }: KeyColumn, columns: Columns, picked: Uint32Array | null) {
  const isText = type.kind === "string";
  const source = (numbers: KeySource["numbers"], textOf: KeySource["textOf"]): KeySource => {
    return { numbers, textOf: isText ? textOf : null };
  };
  if (picked !== null) return source(picked, (row, texts) => texts[picked[row]]);
  const { values } = columns.fields[field!];
  return source(values as KeySource["numbers"], (row) => textAt(columns, field!, row));
}
