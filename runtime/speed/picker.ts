/** A plugin's expressions over columns: which events count, and what its computed columns hold. */
import { type Columns, type FieldColumn, RowStatus } from "../model/columns.ts";
import type { Plugin } from "../plugin.ts";
import { allocateColumn, Evaluation } from "./evaluation.ts";

/** What the expressions say of each row, in memory that threads share. */
export interface Picks {
  /** 1 where the event counts; left out where all do. */
  readonly counts?: Uint8Array;
  readonly computed: Readonly<Record<string, FieldColumn>>;
}

/** By computed column, the texts of the rows that were picked. */
export type PickedTexts = Readonly<Record<string, readonly string[]>>;

/** Evaluates a plugin's expressions over one set of columns, which is filled anew. */
export interface Picker {
  readonly picks: Picks;
  /** Fills the rows `[firstRow, endRow)` of {@link picks}: of events that are no repeats. */
  pick(firstRow: number, endRow: number): void | Promise<void>;
  /** Nothing is picked any more. */
  close(): void;
}

/** Opens a picker of a plugin over columns. */
export type OpenPicker = (plugin: Plugin, columns: Columns) => Picker;

/** Evaluates on the caller's thread. */
export const pickHere: OpenPicker = (plugin, columns) => {
  const picks = allocatePicks(plugin, columns.capacity);
  const pick = pickInto(picks, plugin, columns);
  return {
    picks,
    pick: (firstRow, endRow) => takeTexts(picks, pick(firstRow, endRow)),
    close: () => {},
  };
};

/** Room for what the expressions say of so many rows. */
export function allocatePicks({ where, computed }: Plugin, capacity: number): Picks {
  return {
    counts: where && new Uint8Array(new SharedArrayBuffer(capacity)),
    computed: Object.fromEntries(
      Object.entries(computed).map(([name, { type }]) => [name, allocateColumn(type, capacity)]),
    ),
  };
}

/** The computed columns hold these texts from now on. */
export function takeTexts({ computed }: Picks, texts: PickedTexts): void {
  for (const [name, of] of Object.entries(texts)) computed[name].texts = of;
}

/** Columns with those that a plugin computes. */
export function withComputed(columns: Columns, { computed }: Picks): Columns {
  // What is set anew with every chunk is inherited.
  const fields = { ...columns.fields, ...computed };
  return Object.create(columns, { fields: { value: fields, enumerable: true } });
}

/** The expressions as one loop over the rows; see {@link Picker.pick}. */
export function pickInto(
  { counts, computed }: Picks,
  plugin: Plugin,
  columns: Columns,
): (firstRow: number, endRow: number) => PickedTexts {
  if (plugin.where === undefined && Object.keys(computed).length === 0) return () => ({});
  const { status, repeat, capacity } = columns;
  const conditions = new Evaluation(columns, computed);
  const condition = plugin.where && conditions.vectorOf(plugin.where);
  const evaluation = new Evaluation(columns, computed, conditions);
  const texts = Object.entries(plugin.computed).flatMap(([name, { type, expression }]) => {
    const vector = evaluation.vectorOf(expression!);
    return type.kind === "string" ? [{ name, texts: vector.texts, to: computed[name].values }] : [];
  });
  const rows = new Uint32Array(capacity);
  return (firstRow, endRow) => {
    let count = 0;
    for (let row = firstRow; row < endRow; row++) {
      if (status[row] === RowStatus.event && repeat[row] === 0) rows[count++] = row;
    }
    if (condition !== undefined) {
      conditions.run(rows, count);
      const { values, nulls } = condition;
      let counted = 0;
      for (let i = 0; i < count; i++) {
        const row = rows[i];
        counts![row] = values[row] === 1 && nulls?.[row] !== 1 ? 1 : 0;
        if (counts![row] === 1) rows[counted++] = row;
      }
      count = counted;
    }
    evaluation.run(rows, count);
    return Object.fromEntries(
      texts.map(({ name, texts, to }) => [name, numbered(texts, to, rows, count)]),
    );
  };
}

/** Numbers the texts of some rows. @returns the texts by number. */
function numbered(
  texts: readonly string[],
  to: FieldColumn["values"],
  rows: Uint32Array,
  count: number,
): readonly string[] {
  const numbers = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    const text = texts[rows[i]];
    let number = numbers.get(text);
    if (number === undefined) numbers.set(text, number = numbers.size);
    to[rows[i]] = number;
  }
  return [...numbers.keys()];
}
