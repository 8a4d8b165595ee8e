/** Exact arithmetic over scaled whole numbers. */
import type { FieldType } from "../events.ts";
import { Level, numberLoop, type Operator, sqlNumber, type Vector } from "./operator.ts";
import { commonUnit, numberRange, numberType, type Range, rangeOf, rescaled } from "./ranges.ts";

const scaleOf = (type: FieldType) => rangeOf(type)!.scale;

/** What an operand is multiplied by to have the scale of the result. */
const factorTo = (scale: number, { type }: Vector) => 10 ** (scale - scaleOf(type));

/** Both operands at the greater of their scales. */
export function atOneScale([a, b]: readonly FieldType[]): [Range, Range] {
  const [left, right] = [numberRange(a), numberRange(b)];
  const scale = Math.max(left.scale, right.scale);
  return [rescaled(left, scale), rescaled(right, scale)];
}

function additive(name: string, sign: "+" | "-"): Operator {
  const factor = sign === "+" ? 1 : -1;
  return {
    name,
    level: Level.plus,
    type(operands) {
      const [{ scale, least, most }, right] = atOneScale(operands);
      const [low, high] = factor === 1 ? [right.least, right.most] : [-right.most, -right.least];
      const type = numberType({ scale, least: least + low, most: most + high });
      return { ...type, unit: commonUnit(operands) };
    },
    loop(operands, out) {
      const scale = scaleOf(out.type);
      const left = factorTo(scale, operands[0]);
      const right = factor * factorTo(scale, operands[1]);
      return numberLoop(operands, out, (a, b) => a * left + b * right);
    },
    sql: ([a, b]) => `${a.sql} ${sign} ${b.sql}`,
  };
}

export const plus = additive("plus", "+");
export const minus = additive("minus", "-");

export const times: Operator = {
  name: "times",
  level: Level.times,
  type([a, b]) {
    const [left, right] = [numberRange(a), numberRange(b)];
    const products = [left.least, left.most].flatMap((x) =>
      [right.least, right.most].map((y) => x * y + 0)
    );
    return numberType({
      scale: left.scale + right.scale,
      least: Math.min(...products),
      most: Math.max(...products),
    });
  },
  // Minus zero would be another number to a table of keys.
  loop: (operands, out) => numberLoop(operands, out, (a, b) => a * b + 0),
  sql: ([a, b]) => `${a.sql} * ${b.sql}`,
};

/** An operator that gives a whole number near a decimal. */
function whole(name: string, of: (value: number, unit: number) => number): Operator {
  return {
    name,
    type([a]) {
      const { scale, least, most } = numberRange(a);
      const unit = 10 ** scale;
      const type = numberType({ scale: 0, least: of(least, unit), most: of(most, unit) });
      return { ...type, unit: a.unit };
    },
    loop(operands, out) {
      const unit = 10 ** scaleOf(operands[0].type);
      return numberLoop(operands, out, (a) => of(a, unit));
    },
    sql: ([a]) => `toInt64(${name}(${a.sql}))`,
  };
}

export const floor = whole("floor", (value, unit) => Math.floor(value / unit));
export const ceil = whole("ceil", (value, unit) => Math.ceil(value / unit) + 0);
export const round = whole("round", (value, unit) => {
  const away = Math.floor((Math.abs(value) + unit / 2) / unit);
  return value < 0 ? -away + 0 : away;
});

/** The start of the bucket: the greatest multiple of the width that is not above the number. */
export const bucket: Operator = {
  name: "bucket",
  level: Level.times,
  type([a, width]) {
    const [{ scale, least, most }, { least: size, most: greatest }] = atOneScale([a, width]);
    if (!(size > 0 && size === greatest)) {
      throw new TypeError(`expected a constant width above 0, got ${width.min}`);
    }
    // Its SQL multiplies a Decimal by the unit, which must not overflow.
    const own = numberRange(a);
    if (Math.max(Math.abs(own.least), Math.abs(own.most)) * 10 ** scale > 9e18) {
      throw new TypeError(`its values are too large for buckets of ${scale} places`);
    }
    const start = (value: number) => Math.floor(value / size) * size;
    return { ...numberType({ scale, least: start(least), most: start(most) }), unit: a.unit };
  },
  loop(operands, out) {
    const scale = scaleOf(out.type);
    const factor = factorTo(scale, operands[0]);
    const size = Math.round(operands[1].type.min! * 10 ** scale);
    return numberLoop(operands, out, (a) => Math.floor(a * factor / size) * size + 0);
  },
  sql([a, width], type) {
    const scale = scaleOf(type);
    const size = Math.round(width.type.min! * 10 ** scale);
    if (scale === 0) return `(${a.sql} - positiveModulo(${a.sql}, ${size}))`;
    // The engine's modulo of decimals is not exact.
    const steps = `toInt64(${a.sql} * ${10 ** scale})`;
    return `(${steps} - positiveModulo(${steps}, ${size})) * ${sqlNumber(1, scale)}`;
  },
};
