/** A column that keeps the value of the first or the last event that has one. */
import { clickHouseType, type Field } from "../events.ts";
import type {
  BooleanExpression,
  EnumerationExpression,
  NumberExpression,
  TextExpression,
} from "../expressions/typed.ts";
import { type Columns, textBytesAt } from "../model/columns.ts";
import { resized } from "../std/bytes.ts";
import type { RowBinaryWriter } from "../std/row_binary.ts";
import { CellTexts } from "./cell_texts.ts";
import {
  type Adder,
  type CellStates,
  type DeclaredMeasure,
  type MeasureColumn,
  type MeasureKind,
  returnedEvent,
} from "./measure.ts";
import { numberKinds, numbersOf, scaledInteger, toFloat, toNumber } from "./numbers.ts";

/** What has a first and a last value. */
export type OrderedExpression =
  | NumberExpression
  | TextExpression
  | EnumerationExpression<readonly string[]>
  | BooleanExpression;

/** Which end of the order is kept: `min` the first event, `max` the last. */
export type End = "min" | "max";

/** A value as a column holds it (see `FieldColumn`), a text as its bytes in UTF-8, and its event. */
interface HeldValue {
  /** Event time, whole milliseconds since 1970 UTC. */
  readonly ms: number;
  /** Event time, nanoseconds within the millisecond. */
  readonly ns: number;
  readonly id: Uint8Array;
  readonly value: number | Uint8Array;
}

type State = HeldValue | null;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Compares texts as ClickHouse does; `<` compares UTF-16. */
function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const differs = a.findIndex((byte, i) => byte !== b[i]);
  // A text is behind its own beginning.
  return differs < 0 ? a.length - b.length : a[differs] - (b[differs] ?? -1);
}

/** The order of events: time, id, and the value, which tells apart repeats that differ. */
const compare = (a: HeldValue, b: HeldValue): number =>
  a.ms - b.ms || a.ns - b.ns || compareBytes(a.id, b.id) ||
  (typeof a.value === "number"
    ? a.value - Number(b.value)
    : compareBytes(a.value, b.value as Uint8Array));

/** What differs between the kinds of field that are numbers in a column. */
interface Numbers {
  write(writer: RowBinaryWriter, value: number): void;
  /** A value of `JSONEachRow`, not null. */
  read(value: unknown): number;
  show(value: number): number | string | boolean;
}

function numbersOfField({ kind, scale = 0, values = [] }: Field): Numbers {
  switch (kind) {
    case "enumeration":
      return {
        write: (writer, value) => writer.u8(value + 1),
        read: (value) => values.indexOf(String(value)),
        show: (value) => values[value],
      };
    case "boolean":
      return { write: (writer, value) => writer.u8(value), read: Number, show: Boolean };
    case "uint32":
      return { write: (writer, value) => writer.u32(value), read: Number, show: Number };
    default:
      return {
        write: (writer, value) => writer.i64(value),
        read: (value) => Number(scaledInteger(String(value), scale)),
        show: (value) => toNumber(value, scale),
      };
  }
}

/** An event and its value per cell. */
class CellValues implements CellStates<State> {
  /** Event times in milliseconds; NaN where a cell has no value. */
  ms = new Float64Array();
  #ns = new Uint32Array();
  readonly #ids = new CellTexts();
  #numbers = new Float64Array();
  readonly #texts = new CellTexts();
  /** Of a text: null. */
  readonly #kind: Numbers | null;
  /** The best row of each cell within one call of the adder; −1 between calls. */
  rows = new Int32Array();

  constructor(kind: Numbers | null, capacity: number) {
    this.#kind = kind;
    this.grow(capacity);
  }

  grow(capacity: number): void {
    const known = this.ms.length;
    this.ms = resized(this.ms, capacity).fill(NaN, known);
    this.#ns = resized(this.#ns, capacity);
    if (this.#kind !== null) this.#numbers = resized(this.#numbers, capacity);
    this.rows = new Int32Array(capacity).fill(-1);
  }

  of(cell: number): State {
    // Cells that came after the last value are beyond the arrays once they are sealed.
    const ms = this.ms[cell] ?? NaN;
    if (Number.isNaN(ms)) return null;
    const value = this.#kind === null ? this.#texts.of(cell) : this.#numbers[cell];
    return { ms, ns: this.#ns[cell], id: this.#ids.of(cell), value };
  }

  set(cell: number, { ms, ns, id, value }: HeldValue): void {
    this.ms[cell] = ms;
    this.#ns[cell] = ns;
    this.#ids.set(cell, id);
    if (typeof value === "number") this.#numbers[cell] = value;
    else this.#texts.set(cell, value);
  }

  write(writer: RowBinaryWriter, cell: number): void {
    const ms = this.ms[cell];
    const isNone = Number.isNaN(ms);
    writer.u64(isNone ? 0n : BigInt(ms) * 1_000_000n + BigInt(this.#ns[cell]));
    this.#ids.write(writer, cell);
    writer.u8(isNone ? 1 : 0);
    if (isNone) return;
    if (this.#kind === null) this.#texts.write(writer, cell);
    else this.#kind.write(writer, this.#numbers[cell]);
  }

  seal(cells: number): number {
    this.rows = new Int32Array();
    this.ms = this.ms.slice(0, cells);
    this.#ns = this.#ns.slice(0, cells);
    this.#numbers = this.#numbers.slice(0, cells);
    return this.ms.byteLength + this.#ns.byteLength + this.#numbers.byteLength +
      this.#ids.seal(cells) + this.#texts.seal(cells);
  }
}

/** Makes the kind of measure that keeps one end of the order. */
export const orderedKind = (name: "first" | "last", end: End): MeasureKind => ({
  takes: [...numberKinds, "string", "enumeration", "boolean"],
  keepsUnit: true,
  define(declared) {
    const { field } = declared;
    const { column, show } = orderedColumn(declared, name, end);
    const isWhole = field.kind === "uint32" || field.kind === "integer";
    return {
      columns: [column],
      shown: [{
        name: declared.name,
        type: isWhole ? "integer" : field.kind as "decimal" | "string" | "enumeration" | "boolean",
        sql: valueSql(`merged.${declared.name}`),
        of(stateOf) {
          const state = stateOf(column);
          return state === null ? null : show(state.value);
        },
      }],
    };
  },
});

const valueSql = (state: string) => `tupleElement(${state}, 3)`;

/** The column, and how a value of it is shown. */
function orderedColumn(
  { name, field, fieldName, fieldSql, event }: DeclaredMeasure,
  kind: "first" | "last",
  end: End,
): {
  column: MeasureColumn<State, CellValues>;
  show: (value: HeldValue["value"]) => number | string | boolean;
} {
  const bare = clickHouseType({ ...field, nullable: false });
  const sqlType = `Tuple(DateTime64(9, 'UTC'), String, Nullable(${bare}))`;
  const numbers = field.kind === "string" ? null : numbersOfField(field);
  const isNumber = (numberKinds as readonly string[]).includes(field.kind);
  const sign = end === "min" ? 1 : -1;
  const best = (argument: string, present: string, condition?: string) =>
    `${end}If(${argument}, ${present}${condition === undefined ? "" : ` AND (${condition})`})`;
  const column: MeasureColumn<State, CellValues> = {
    name,
    sqlType,
    meaning: [kind, sqlType, "value", fieldName, event.id],
    cancels: false,
    additive: false,
    large: false,
    returns: returnedEvent(isNumber || field.kind === "boolean" ? "number" : "text"),
    allocate: (capacity) => new CellValues(numbers, capacity),
    adder: (columns) => adderOf(columns, fieldName, event.id, sign),
    read(returned) {
      const [at, id, value] = returned as readonly [string, string, unknown];
      if (value === null) return null;
      // `2026-01-05T10:00:00.123456789Z`, or with a space and without the Z.
      const ms = Date.parse(`${at.slice(0, 10)}T${at.slice(11, 23)}Z`);
      return {
        ms,
        ns: Number(at.slice(23, 29)),
        id: encoder.encode(id),
        value: numbers === null ? encoder.encode(String(value)) : numbers.read(value),
      };
    },
    merge: (states) =>
      states.reduce((a, b) => a === null || (b !== null && sign * compare(b, a) < 0) ? b : a, null),
    toFloat: (state) =>
      state === null || !isNumber ? NaN : toFloat(Number(state.value), field.scale ?? 0),
    // Of no values the last element is NULL, also where the field may not be.
    buildSql: (condition) =>
      best(
        `(${event.timeSql}, ${event.idSql}, toNullable(${fieldSql}))`,
        `isNotNull(${fieldSql})`,
        condition,
      ),
    storedSql: (value) => value,
    mergeSql: (state, condition) => best(state, `isNotNull(${valueSql(state)})`, condition),
    // States that differ are 1 apart.
    differenceSql: (a, b) => `toFloat64(toString(${a}) != toString(${b}))`,
    textSql: (state) =>
      `ifNull(concat(toString(${valueSql(state)}), ' at ', ` +
      `toString(tupleElement(${state}, 1))), 'none')`,
    floatSql: (state) => isNumber ? `toFloat64(${valueSql(state)})` : "NULL",
  };
  return {
    column,
    show: (value) => typeof value === "number" ? numbers!.show(value) : decoder.decode(value),
  };
}

/** @param sign 1 to keep the first, −1 to keep the last. */
function adderOf(columns: Columns, field: string, id: string, sign: 1 | -1): Adder<CellValues> {
  const { values, nulls } = numbersOf(columns, field);
  const { eventMs, eventNs } = columns;
  const isText = columns.fields[field].field.kind === "string";
  const heldAt = (row: number): HeldValue => ({
    ms: eventMs[row],
    ns: eventNs[row],
    id: textBytesAt(columns, id, row),
    value: isText ? textBytesAt(columns, field, row) : values[row],
  });
  const isBetter = (row: number, other: number) =>
    (sign * (eventMs[row] - eventMs[other] || eventNs[row] - eventNs[other]) ||
      sign * compare(heldAt(row), heldAt(other))) < 0;
  return {
    add(states, cellOf, firstRow, endRow) {
      const { rows } = states;
      const cells: number[] = [];
      for (let row = firstRow; row < endRow; row++) {
        const cell = cellOf[row];
        if (cell < 0 || nulls[row] === 1) continue;
        if (rows[cell] < 0) cells.push(cell);
        if (rows[cell] < 0 || isBetter(row, rows[cell])) rows[cell] = row;
      }
      // Texts are copied once per cell: most rows are better than some and worse than another.
      for (const cell of cells) {
        const row = rows[cell];
        rows[cell] = -1;
        const behind = sign * (eventMs[row] - states.ms[cell]);
        if (behind > 0) continue;
        const candidate = heldAt(row);
        if (behind === 0 && sign * compare(candidate, states.of(cell)!) >= 0) continue;
        states.set(cell, candidate);
      }
    },
  };
}
