import type { FieldType } from "../events.ts";

/** The values of one expression, one per row of a chunk. Rows that do not count hold anything. */
export interface Vector {
  readonly type: FieldType;
  /**
   * Numbers: the scaled whole number. Enumerations: the position. Booleans: 0 or 1. Instants:
   * milliseconds since 1970 UTC. Texts: unused.
   */
  readonly values: Float64Array | Uint32Array | Uint8Array;
  /** 1 where the value is null; left out where none can be. */
  readonly nulls?: Uint8Array;
  /** Texts; an empty one where the value is null. */
  readonly texts: string[];
}

/** Fills the given rows of a vector; `rows` holds `count` row numbers. */
export type Loop = (rows: Uint32Array, count: number) => void;

/** A constant of a declaration: it is data, not an operand. */
export type Parameter = string | number | boolean;

/** An operand of {@link Operator.sql}, in parentheses where the operator needs them. */
export interface SqlOperand {
  readonly sql: string;
  readonly type: FieldType;
}

/** How tightly SQL binds: an operand that binds less tightly than its operator gets parentheses. */
export const Level = { atom: 0, times: 1, plus: 2, compare: 3, not: 4, and: 5, or: 6 } as const;

/**
 * An operator of expressions with its three faces. `tests/laws/expressions.test.ts` holds the loop
 * and the SQL together.
 */
export interface Operator {
  /** Part of the generation of every plugin that uses it. */
  readonly name: string;
  /** How tightly its SQL binds. Default: {@link Level.atom}, a function call. */
  readonly level?: number;
  /** Whether its value can be null, by whether each operand can. Default: where any can. */
  nullable?(operands: readonly boolean[]): boolean;
  /**
   * Whether the loop looks at nulls and sets them. Default false: a null operand makes the value
   * null.
   */
  readonly seesNulls?: boolean;
  /**
   * The type of its values; `nullable` is ignored.
   *
   * @throws {TypeError} saying what was expected and what came.
   */
  type(operands: readonly FieldType[], parameters: readonly Parameter[]): FieldType;
  /** The loop that fills `out` from the operands' vectors. */
  loop(operands: readonly Vector[], out: Vector, parameters: readonly Parameter[]): Loop;
  /** The same as ClickHouse SQL. */
  sql(operands: readonly SqlOperand[], type: FieldType, parameters: readonly Parameter[]): string;
}

/** A scaled number as an SQL literal. */
export function sqlNumber(value: number, scale: number): string {
  if (scale === 0) return value < 0 ? `(${value})` : String(value);
  const digits = String(Math.abs(value)).padStart(scale + 1, "0");
  const sign = value < 0 ? "-" : "";
  const decimal = `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return `toDecimal64('${decimal}', ${scale})`;
}

/** A loop that computes each row's number from up to two operands. */
export function numberLoop(
  [a, b = a]: readonly Vector[],
  { values }: Vector,
  of: (a: number, b: number) => number,
): Loop {
  const { values: left } = a;
  const { values: right } = b;
  return (rows, count) => {
    for (let i = 0; i < count; i++) {
      const row = rows[i];
      values[row] = of(left[row], right[row]);
    }
  };
}

/** A loop that computes each row's number from a text or two. */
export function textLoop(
  [a, b = a]: readonly Vector[],
  { values }: Vector,
  of: (a: string, b: string) => number,
): Loop {
  const { texts: left } = a;
  const { texts: right } = b;
  return (rows, count) => {
    for (let i = 0; i < count; i++) {
      const row = rows[i];
      values[row] = of(left[row], right[row]);
    }
  };
}
