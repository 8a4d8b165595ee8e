/** Comparisons: their value is a boolean, or null where an operand is null. */
import type { FieldType } from "../events.ts";
import { atOneScale } from "./arithmetic.ts";
import {
  Level,
  type Loop,
  numberLoop,
  type Operator,
  type Parameter,
  sqlNumber,
  textLoop,
  type Vector,
} from "./operator.ts";
import { sqlText } from "../std/sql_text.ts";
import { rangeOf, typeName } from "./ranges.ts";

const boolean: FieldType = { kind: "boolean", nullable: false };

type Compare = (a: number | string, b: number | string) => boolean;

/** Whether two types have values that can be equal. */
export function comparable(operands: readonly FieldType[]): void {
  const [a, b] = operands;
  if (rangeOf(a) !== null && rangeOf(b) !== null) return void atOneScale(operands);
  const same = a.kind === b.kind && a.kind !== "instant" && String(a.values) === String(b.values);
  if (!same) throw new TypeError(`expected ${typeName(a)}, got ${typeName(b)}`);
}

function numbersOnly(operands: readonly FieldType[]): void {
  if (operands.some((type) => rangeOf(type) === null)) {
    throw new TypeError(`expected two numbers, got ${operands.map(typeName).join(" and ")}`);
  }
  atOneScale(operands);
}

function compareLoop(operands: readonly Vector[], out: Vector, compare: Compare): Loop {
  const [a, b] = operands;
  if (a.type.kind === "string") {
    return textLoop(operands, out, (x, y) => compare(x, y) ? 1 : 0);
  }
  const [left, right] = [rangeOf(a.type)?.scale ?? 0, rangeOf(b.type)?.scale ?? 0];
  const [ofLeft, ofRight] = [10 ** Math.max(0, right - left), 10 ** Math.max(0, left - right)];
  return numberLoop(operands, out, (x, y) => compare(x * ofLeft, y * ofRight) ? 1 : 0);
}

function comparison(
  name: string,
  sign: string,
  check: (operands: readonly FieldType[]) => void,
  compare: Compare,
): Operator {
  return {
    name,
    level: Level.compare,
    type(operands) {
      check(operands);
      return boolean;
    },
    loop: (operands, out) => compareLoop(operands, out, compare),
    sql: ([a, b]) => `${a.sql} ${sign} ${b.sql}`,
  };
}

export const eq = comparison("eq", "=", comparable, (a, b) => a === b);
export const ne = comparison("ne", "!=", comparable, (a, b) => a !== b);
export const lt = comparison("lt", "<", numbersOnly, (a, b) => a < b);
export const lte = comparison("lte", "<=", numbersOnly, (a, b) => a <= b);
export const gt = comparison("gt", ">", numbersOnly, (a, b) => a > b);
export const gte = comparison("gte", ">=", numbersOnly, (a, b) => a >= b);

/**
 * Whether a value is in a list of constants. The first parameters are the constants as a vector
 * holds them: scaled numbers, positions of an enumeration, texts. The last is the numbers' scale.
 */
export const isIn: Operator = {
  name: "in",
  level: Level.compare,
  type([a]) {
    if (a.kind === "instant") throw new TypeError("expected a number or a text, got an instant");
    return boolean;
  },
  loop(operands, out, parameters) {
    const [a] = operands;
    const listed = new Set<Parameter>(parameters);
    if (a.type.kind === "string") {
      return textLoop(operands, out, (text) => listed.has(text) ? 1 : 0);
    }
    return numberLoop(operands, out, (value) => listed.has(value) ? 1 : 0);
  },
  sql([a], _type, parameters) {
    const { kind, values, scale = 0 } = a.type;
    const literals = parameters.map((value) =>
      kind === "string"
        ? sqlText(String(value))
        : kind === "enumeration"
        ? sqlText(values![Number(value)])
        : kind === "boolean"
        ? String(value === 1)
        : sqlNumber(Number(value), scale)
    );
    return `${a.sql} IN (${literals.join(", ")})`;
  },
};
