/** Expressions as authors of plugins see them: what a value's type allows, and nothing else. */
import type { EventSchema, Field, FieldKind } from "../events.ts";

/** What every expression can be asked. */
export interface AnyExpression {
  /** Whether it has no value. */
  isNull(): BooleanExpression;
  /** Whether it has a value. */
  isNotNull(): BooleanExpression;
}

/** A number, or an expression of one. */
export type NumberOperand = number | NumberExpression;

/** An exact number: a whole number or a decimal of a known scale. */
export interface NumberExpression extends AnyExpression {
  eq(other: NumberOperand): BooleanExpression;
  ne(other: NumberOperand): BooleanExpression;
  lt(other: NumberOperand): BooleanExpression;
  lte(other: NumberOperand): BooleanExpression;
  gt(other: NumberOperand): BooleanExpression;
  gte(other: NumberOperand): BooleanExpression;
  /** Whether it is one of some constants. */
  in(values: readonly number[]): BooleanExpression;
  plus(other: NumberOperand): NumberExpression;
  minus(other: NumberOperand): NumberExpression;
  times(other: NumberOperand): NumberExpression;
  /** The greatest whole number that is not above it. */
  floor(): NumberExpression;
  /** The least whole number that is not below it. */
  ceil(): NumberExpression;
  /** The nearest whole number, half away from zero. */
  round(): NumberExpression;
  /** The start of its bucket: with width 5, 12 gives 10 and −1 gives −5. */
  bucket(width: number): NumberExpression;
  /** Itself, or the other where it is null. */
  coalesce(other: NumberOperand): NumberExpression;
}

/** A text, or an expression of one. */
export type TextOperand = string | TextExpression | EnumerationExpression<readonly string[]>;

interface Textual extends AnyExpression {
  /** A to Z in lower case; other letters stay. */
  lower(): TextExpression;
  /** a to z in upper case; other letters stay. */
  upper(): TextExpression;
  startsWith(prefix: string): BooleanExpression;
  /** How many code points it has. */
  length(): NumberExpression;
  /** At most `length` code points from the `start`th on; the first is 1. */
  substring(start: number, length: number): TextExpression;
  /** What stands before the first separator; all of it where the separator does not occur. */
  before(separator: string): TextExpression;
  /** The text after the first separator; an empty text where it does not occur. */
  after(separator: string): TextExpression;
}

/** A text. */
export interface TextExpression extends Textual {
  eq(other: TextOperand): BooleanExpression;
  ne(other: TextOperand): BooleanExpression;
  /** Whether it is one of some constants. */
  in(values: readonly string[]): BooleanExpression;
  /** Itself, or the other where it is null. */
  coalesce(other: TextOperand): TextExpression;
}

/** One of the declared texts. */
export interface EnumerationExpression<V extends readonly string[]> extends Textual {
  eq(other: V[number] | EnumerationExpression<V>): BooleanExpression;
  ne(other: V[number] | EnumerationExpression<V>): BooleanExpression;
  /** Whether it is one of some constants. */
  in(values: readonly V[number][]): BooleanExpression;
  /** Itself, or the other where it is null. */
  coalesce(other: V[number] | EnumerationExpression<V>): EnumerationExpression<V>;
}

/** A condition, or true or false. */
export type BooleanOperand = boolean | BooleanExpression;

/** True, false, or null where what it is made of is null. An event counts where `where` is true. */
export interface BooleanExpression extends AnyExpression {
  eq(other: BooleanOperand): BooleanExpression;
  ne(other: BooleanOperand): BooleanExpression;
  /** False where either is false, else null where either is null. */
  and(other: BooleanOperand): BooleanExpression;
  /** True where either is true, else null where either is null. */
  or(other: BooleanOperand): BooleanExpression;
  not(): BooleanExpression;
  /** Itself, or the other where it is null. */
  coalesce(other: BooleanOperand): BooleanExpression;
}

/** The event time. Its parts are those of UTC, or of a time zone such as `Europe/Berlin`. */
export interface InstantExpression {
  /** Hour of the day, 0 to 23. */
  hour(zone?: string): NumberExpression;
  /** Day of the week, from Monday, 1, to Sunday, 7. */
  weekday(zone?: string): NumberExpression;
  /** Date, such as `2026-01-05`. */
  date(zone?: string): TextExpression;
}

/** What can be a key. */
export type KeyExpression =
  | NumberExpression
  | TextExpression
  | EnumerationExpression<readonly string[]>
  | BooleanExpression;

/** The expression of a field; of a field whose type is not known, all of them. */
export type ExpressionOf<F extends Field> = FieldKind extends F["kind"] ?
    & NumberExpression
    & TextExpression
    & EnumerationExpression<readonly string[]>
    & BooleanExpression
    & InstantExpression
  : F["kind"] extends "string" ? TextExpression
  : F["kind"] extends "boolean" ? BooleanExpression
  : F["kind"] extends "instant" ? InstantExpression
  : F["kind"] extends "enumeration"
    ? EnumerationExpression<F["values"] extends readonly string[] ? F["values"] : readonly string[]>
  : NumberExpression;

/** The fields of a schema as expressions. */
export type FieldsOf<S extends EventSchema> = {
  readonly [Name in keyof S["fields"]]: ExpressionOf<S["fields"][Name]>;
};

/** Conditions and their values in turn; see {@link when}. */
export interface Cases<Operand, Result> {
  /** The value where this condition is true and none before it. */
  when(condition: BooleanExpression, value: Operand): Cases<Operand, Result>;
  /** The value where no condition is true. */
  otherwise(value: Operand): Result;
}
