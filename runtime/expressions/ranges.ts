/** The numbers of expressions: scaled whole numbers whose bounds are known at declaration. */
import type { FieldType } from "../events.ts";

/** Up to this magnitude a 64-bit float holds every whole number, and Int64 and Decimal(18, s) do. */
const EXACT = 2 ** 53 - 1;
/** The most places after the point. */
const MOST_PLACES = 15;

/** The values of a number: whole numbers from `least` to `most`, each a multiple of 10^−scale. */
export interface Range {
  readonly scale: number;
  readonly least: number;
  readonly most: number;
}

/** The range of a number type; null for other types. */
export function rangeOf({ kind, scale = 0, min, max }: FieldType): Range | null {
  if (kind === "uint32") return { scale: 0, least: 0, most: 2 ** 32 - 1 };
  if (kind !== "integer" && kind !== "decimal") return null;
  const unit = 10 ** scale;
  return { scale, least: Math.round(min! * unit), most: Math.round(max! * unit) };
}

/**
 * The type of numbers in a range.
 *
 * @throws {TypeError} when the range exceeds what both layers hold exactly.
 */
export function numberType({ scale, least, most }: Range): FieldType {
  if (!(Math.max(Math.abs(least), Math.abs(most)) <= EXACT)) {
    throw new TypeError(
      `its values, from ${least / 10 ** scale} to ${most / 10 ** scale} with ${scale} places, ` +
        `exceed the ${EXACT} steps that are exact; narrow min and max of the fields`,
    );
  }
  if (scale > MOST_PLACES) {
    throw new TypeError(`its values have ${scale} places; at most ${MOST_PLACES} are exact`);
  }
  const bounds = { min: least / 10 ** scale, max: most / 10 ** scale };
  return scale === 0
    ? { kind: "integer", nullable: false, ...bounds }
    : { kind: "decimal", nullable: false, scale, ...bounds };
}

/**
 * The range at a scale that is at least its own.
 *
 * @throws {TypeError} like {@link numberType}.
 */
export function rescaled({ scale, least, most }: Range, to: number): Range {
  const factor = 10 ** (to - scale);
  const range = { scale: to, least: least * factor, most: most * factor };
  numberType(range);
  return range;
}

/** The unit that all of some numbers have; undefined where they differ. */
export function commonUnit([first, ...rest]: readonly FieldType[]): string | undefined {
  return rest.every(({ unit }) => unit === first.unit) ? first.unit : undefined;
}

/** What a type is called in messages. */
export function typeName({ kind }: FieldType): string {
  if (kind === "string") return "a text";
  if (kind === "uint32") return "a whole number";
  return `${/^[aeiou]/.test(kind) ? "an" : "a"} ${kind}`;
}

/**
 * The range of a number operand.
 *
 * @throws {TypeError} when it is of another type.
 */
export function numberRange(type: FieldType): Range {
  const range = rangeOf(type);
  if (range === null) throw new TypeError(`expected a number, got ${typeName(type)}`);
  return range;
}
