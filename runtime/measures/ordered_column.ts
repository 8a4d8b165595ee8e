/** A column that keeps the value of the first or the last event that has one. */
import { clickHouseType, type Field } from "../events.ts";
import type {
  BooleanExpression,
  EnumerationExpression,
  NumberExpression,
  TextExpression,
} from "../expressions/typed.ts";
import { type Columns, textAt } from "../model/columns.ts";
import type { RowBinaryWriter } from "../std/row_binary.ts";
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

/** A value as a column holds it (see `FieldColumn`) or the text of a string, and its event. */
interface HeldValue {
  /** Event time, whole milliseconds since 1970 UTC. */
  readonly ms: number;
  /** Event time, nanoseconds within the millisecond. */
  readonly ns: number;
  readonly id: string;
  readonly value: number | string;
}

type State = HeldValue | null;

const encoder = new TextEncoder();

/** Compares texts by their bytes in UTF-8, as ClickHouse does; `<` compares UTF-16. */
function compareBytes(a: string, b: string): number {
  const [x, y] = [encoder.encode(a), encoder.encode(b)];
  const differs = x.findIndex((byte, i) => byte !== y[i]);
  // A text is behind its own beginning.
  return differs < 0 ? x.length - y.length : x[differs] - (y[differs] ?? -1);
}

/** The order of events: time, id, and the value, which tells apart repeats that differ. */
const compare = (a: HeldValue, b: HeldValue): number =>
  a.ms - b.ms || a.ns - b.ns || compareBytes(a.id, b.id) ||
  (typeof a.value === "number"
    ? a.value - Number(b.value)
    : compareBytes(a.value, String(b.value)));

/** What differs between the kinds of field. */
interface Values {
  write(writer: RowBinaryWriter, value: number | string): void;
  /** A value of `JSONEachRow`, not null. */
  read(value: unknown): number | string;
  show(value: number | string): number | string | boolean;
}

function valuesOf({ kind, scale = 0, values = [] }: Field): Values {
  switch (kind) {
    case "string":
      return { write: (writer, value) => writer.text(String(value)), read: String, show: String };
    case "enumeration":
      return {
        write: (writer, value) => writer.u8(Number(value) + 1),
        read: (value) => values.indexOf(String(value)),
        show: (value) => values[Number(value)],
      };
    case "boolean":
      return { write: (writer, value) => writer.u8(Number(value)), read: Number, show: Boolean };
    case "uint32":
      return { write: (writer, value) => writer.u32(Number(value)), read: Number, show: Number };
    default:
      return {
        write: (writer, value) => writer.i64(Number(value)),
        read: (value) => Number(scaledInteger(String(value), scale)),
        show: (value) => toNumber(Number(value), scale),
      };
  }
}

/** What an object takes besides the letters of its texts, in bytes. */
const HELD_BYTES = 120;

/** A value per cell. */
class CellValues implements CellStates<State> {
  readonly #values: Values;
  readonly #held: HeldValue[] = [];
  /** The best row of each cell within one call of the adder; −1 between calls. */
  rows: Int32Array;

  constructor(values: Values, capacity: number) {
    this.#values = values;
    this.rows = new Int32Array(capacity).fill(-1);
  }

  grow(capacity: number): void {
    this.rows = new Int32Array(capacity).fill(-1);
  }

  of(cell: number): State {
    return this.#held[cell] ?? null;
  }

  set(cell: number, held: HeldValue): void {
    this.#held[cell] = held;
  }

  write(writer: RowBinaryWriter, cell: number): void {
    const held = this.of(cell);
    writer.u64(held === null ? 0n : BigInt(held.ms) * 1_000_000n + BigInt(held.ns));
    writer.text(held === null ? "" : held.id);
    writer.u8(held === null ? 1 : 0);
    if (held !== null) this.#values.write(writer, held.value);
  }

  seal(): number {
    this.rows = new Int32Array(0);
    return this.#held.reduce(
      (bytes, { id, value }) => bytes + HELD_BYTES + 2 * (id.length + String(value).length),
      0,
    );
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
): { column: MeasureColumn<State, CellValues>; show: Values["show"] } {
  const bare = clickHouseType({ ...field, nullable: false });
  const sqlType = `Tuple(DateTime64(9, 'UTC'), String, Nullable(${bare}))`;
  const values = valuesOf(field);
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
    allocate: (capacity) => new CellValues(values, capacity),
    adder: (columns) => adderOf(columns, fieldName, event.id, sign),
    read(returned) {
      const [at, id, value] = returned as readonly [string, string, unknown];
      if (value === null) return null;
      // `2026-01-05T10:00:00.123456789Z`, or with a space and without the Z.
      const ms = Date.parse(`${at.slice(0, 10)}T${at.slice(11, 23)}Z`);
      return { ms, ns: Number(at.slice(23, 29)), id, value: values.read(value) };
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
  return { column, show: values.show };
}

/** @param sign 1 to keep the first, −1 to keep the last. */
function adderOf(columns: Columns, field: string, id: string, sign: 1 | -1): Adder<CellValues> {
  const { values, nulls } = numbersOf(columns, field);
  const { eventMs, eventNs } = columns;
  const isText = columns.fields[field].field.kind === "string";
  const heldAt = (row: number): HeldValue => ({
    ms: eventMs[row],
    ns: eventNs[row],
    id: textAt(columns, id, row),
    value: isText ? textAt(columns, field, row) : values[row],
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
        const held = states.of(cell);
        if (held !== null && sign * (held.ms - eventMs[row]) < 0) continue;
        const candidate = heldAt(row);
        if (held === null || sign * compare(candidate, held) < 0) states.set(cell, candidate);
      }
    },
  };
}
