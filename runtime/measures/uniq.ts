import type {
  EnumerationExpression,
  NumberExpression,
  TextExpression,
} from "../expressions/typed.ts";
import { type Columns, textAt } from "../model/columns.ts";
import { clickHouseType, type Field } from "../events.ts";
import type { RowBinaryWriter } from "../std/row_binary.ts";
import {
  type Adder,
  aggregate,
  type CellStates,
  type DeclaredMeasure,
  type Measure,
  type MeasureColumn,
  type MeasureKind,
  measureOf,
  type MeasureOptions,
  returned,
} from "./measure.ts";
import { numbersOf } from "./numbers.ts";
import { ValueSets } from "./value_sets.ts";

/** How many distinct values a field has, exactly; held as the set of them. */
export const uniq = (
  input: NumberExpression | TextExpression | EnumerationExpression<readonly string[]>,
  options?: MeasureOptions,
): Measure => measureOf("uniq", input, options);

export const uniqKind: MeasureKind = {
  takes: ["uint32", "integer", "enumeration", "string"],
  define(declared) {
    const { name } = declared;
    const set = setColumn(declared);
    return {
      columns: [set],
      shown: [{
        name,
        type: "integer",
        sql: `length(merged.${name})`,
        of: (stateOf) => stateOf(set).length,
      }],
    };
  },
};

/** A member of a set: a number, or the text of a string or an enumeration. */
type Member = number | string;

/** How a set holds the values of one kind of field, each as a number of 32 bits. */
interface Element {
  /**
   * The value that a number of the field's column stands for. Left out where the column's numbers
   * are none of 32 bits: then each block numbers its values in the order in which they come.
   */
  readonly memberOf?: (number: number) => Member;
  /** Writes the value of a number. */
  write(writer: RowBinaryWriter, number: number, members: readonly Member[]): void;
}

/** By kind of field. */
const elements: Readonly<Record<string, (field: Field) => Element>> = {
  uint32: () => ({ memberOf: (number) => number, write: (writer, number) => writer.u32(number) }),
  enumeration: ({ values }) => ({
    memberOf: (number) => values![number],
    write: (writer, number) => writer.u8(number + 1),
  }),
  string: () => ({ write: (writer, number, members) => writer.text(String(members[number])) }),
  integer: () => ({ write: (writer, number, members) => writer.i64(Number(members[number])) }),
};

/** About what a numbered value takes besides the letters of a text, in bytes. */
const NUMBERED_BYTES = 64;

/** A set of values per cell. */
class CellSets implements CellStates<readonly Member[]> {
  readonly sets: ValueSets;
  readonly #element: Element;
  readonly #numbers = new Map<Member, number>();
  /** Values by their number. */
  readonly #members: Member[] = [];

  constructor(element: Element, like?: CellSets) {
    this.sets = new ValueSets(like?.sets.count);
    this.#element = element;
  }

  /** The number of a value in this block. */
  numberOf(member: Member): number {
    const known = this.#numbers.get(member);
    if (known !== undefined) return known;
    this.#numbers.set(member, this.#members.length);
    return this.#members.push(member) - 1;
  }

  grow(): void {}

  of(cell: number): readonly Member[] {
    const { memberOf = (number: number) => this.#members[number] } = this.#element;
    return this.sets.members(cell).map((member) => memberOf(this.sets.valueOf(member)));
  }

  write(writer: RowBinaryWriter, cell: number): void {
    const count = this.sets.collect(cell);
    const { collected } = this.sets;
    writer.varint(count);
    for (let i = 0; i < count; i++) this.#element.write(writer, collected[i], this.#members);
  }

  seal(cells: number): number {
    this.#numbers.clear();
    return this.#members.reduce<number>(
      (bytes, member) => bytes + NUMBERED_BYTES + 2 * String(member).length,
      this.sets.seal(cells),
    );
  }
}

function setColumn(
  { name, field, fieldName, fieldSql }: DeclaredMeasure,
): MeasureColumn<readonly Member[], CellSets> {
  const element = elements[field.kind](field);
  const sqlType = `Array(${clickHouseType({ ...field, nullable: false })})`;
  const isText = field.kind === "string" || field.kind === "enumeration";
  return {
    name,
    sqlType,
    meaning: ["union", sqlType, "value", fieldName],
    cancels: false,
    additive: false,
    large: true,
    returns: isText ? returned.texts : returned.numbers,
    allocate: (_capacity, like) => new CellSets(element, like),
    adder: (columns) => adderOf(columns, fieldName, element.memberOf === undefined),
    read: (value) => isText ? value as string[] : (value as (number | string)[]).map(Number),
    merge: (states) => [...new Set(states.flat())],
    toFloat: (state) => state.length,
    buildSql: (condition) => aggregate("groupUniqArray", fieldSql, condition),
    storedSql: (value) => value,
    mergeSql: (state, condition) => aggregate("groupUniqArrayArray", state, condition),
    // The elements that only one of them has.
    differenceSql: (a, b) =>
      `toFloat64(length(${a}) + length(${b}) - 2 * length(arrayIntersect(${a}, ${b})))`,
    textSql: (state) => `concat(toString(length(${state})), ' values')`,
    floatSql: (state) => `toFloat64(length(${state}))`,
  };
}

/** @param numbered whether values are numbered by the block. */
function adderOf(columns: Columns, field: string, numbered: boolean): Adder<CellSets> {
  const { values, nulls } = numbersOf(columns, field);
  if (!numbered) {
    return {
      add({ sets }, cellOf, firstRow, endRow) {
        for (let row = firstRow; row < endRow; row++) {
          if (cellOf[row] >= 0 && nulls[row] === 0) sets.add(cellOf[row], values[row]);
        }
      },
    };
  }
  const isText = columns.fields[field].field.kind === "string";
  return {
    add(states, cellOf, firstRow, endRow) {
      for (let row = firstRow; row < endRow; row++) {
        if (cellOf[row] < 0 || nulls[row] === 1) continue;
        const member = isText ? textAt(columns, field, row) : values[row];
        states.sets.add(cellOf[row], states.numberOf(member));
      }
    },
  };
}
