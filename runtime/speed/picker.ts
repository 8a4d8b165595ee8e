/** A plugin's own functions over columns: which events count, and what their computed keys are. */
import { type Columns, RowStatus } from "../model/columns.ts";
import type { FieldKind } from "../events.ts";
import { hasFunctions, type KeyColumn, type Plugin } from "../plugin.ts";
import { createCursor } from "./cursor.ts";

/** What the functions said of each row, in memory that threads share. */
export interface Picks {
  /** 1 where the event counts; left out where all do. */
  readonly counts?: Uint8Array;
  /** By key column: the computed number, or the position in its texts; null where it is a field. */
  readonly keys: readonly (Uint32Array | null)[];
}

/** By key column, the texts of a computed key; empty for other keys. */
export type PickedTexts = readonly (readonly string[])[];

/** Lets a plugin's functions look at the rows of one set of columns, which is filled anew. */
export interface Picker {
  readonly picks: Picks;
  /** Fills the rows `[firstRow, endRow)` of {@link picks}: of events that are no repeats. */
  pick(firstRow: number, endRow: number): PickedTexts | Promise<PickedTexts>;
  /** Nothing is picked any more. */
  close(): void;
}

/** Opens a picker of a plugin over columns. */
export type OpenPicker = (plugin: Plugin, columns: Columns) => Picker;

/** Calls the functions on the caller's thread. */
export const pickHere: OpenPicker = (plugin, columns) => {
  const picks = allocatePicks(plugin, columns.capacity);
  return { picks, pick: pickInto(picks, plugin, columns), close: () => {} };
};

/** Room for what the functions say of so many rows. */
export function allocatePicks({ where, keyColumns }: Plugin, capacity: number): Picks {
  const numbers = () => new Uint32Array(new SharedArrayBuffer(4 * capacity));
  return {
    counts: where && new Uint8Array(new SharedArrayBuffer(capacity)),
    keys: keyColumns.map(({ of }) => of === undefined ? null : numbers()),
  };
}

/** The functions as one loop over the rows; see {@link Picker.pick}. */
export function pickInto(
  { counts, keys }: Picks,
  plugin: Plugin,
  columns: Columns,
): (firstRow: number, endRow: number) => PickedTexts {
  const { where, keyColumns } = plugin;
  const { status, repeat } = columns;
  const cursor = createCursor(columns);
  const computed = keyColumns.flatMap((key, i) => keys[i] === null ? [] : [{ key, i }]);
  const none: PickedTexts = keyColumns.map(() => []);
  if (!hasFunctions(plugin)) return () => none;
  return (firstRow, endRow) => {
    const texts = keyColumns.map(() => new Map<string, number>());
    for (let row = firstRow; row < endRow; row++) {
      if (status[row] !== RowStatus.event || repeat[row] === 1) continue;
      cursor.row = row;
      if (counts !== undefined) {
        counts[row] = where!(cursor.event) ? 1 : 0;
        if (counts[row] === 0) continue;
      }
      for (const { key, i } of computed) {
        keys[i]![row] = numberOf(key, key.of!(cursor.event), texts[i]);
      }
    }
    return texts.map((positions) => [...positions.keys()]);
  };
}

/**
 * A computed key as a number: itself, or the position of its text. A value of another type is
 * refused: as a text, null would be the key "null".
 */
function numberOf({ name, type }: KeyColumn, value: unknown, texts: Map<string, number>): number {
  if (type.kind === "string" && typeof value === "string") {
    const known = texts.get(value);
    if (known !== undefined) return known;
    texts.set(value, texts.size);
    return texts.size - 1;
  }
  if (type.kind === "enumeration" && typeof value === "string") {
    const code = type.values!.indexOf(value);
    if (code >= 0) return code;
  }
  if (type.kind === "boolean" && typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) {
    if (type.kind === "uint32" && value <= 0xffffffff) return value;
    if (type.kind === "boolean" && value <= 1) return value;
  }
  throw new TypeError(
    `Cannot compute key "${name}": its function must give ${WANTED[type.kind]}, got ${
      shown(value)
    }`,
  );
}

const WANTED: Readonly<Partial<Record<FieldKind, string>>> = {
  string: "a string",
  enumeration: "one of the declared texts",
  boolean: "true or false",
  uint32: "a whole number from 0 to 4294967295",
};

const SHOWN_CHARACTERS = 40;

const shown = (value: unknown) =>
  typeof value === "string" ? JSON.stringify(value.slice(0, SHOWN_CHARACTERS)) : String(value);
