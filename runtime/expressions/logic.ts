/** Conditions, nulls, and the choice between values. */
import { clickHouseType, type FieldType } from "../events.ts";
import { Level, type Operator, type SqlOperand, type Vector } from "./operator.ts";
import { sqlText } from "../std/sql_text.ts";
import { commonUnit, numberType, rangeOf, rescaled, typeName } from "./ranges.ts";

const boolean: FieldType = { kind: "boolean", nullable: false };

function booleans(operands: readonly FieldType[]): FieldType {
  const other = operands.find(({ kind }) => kind !== "boolean");
  if (other !== undefined) throw new TypeError(`expected a boolean, got ${typeName(other)}`);
  return boolean;
}

/** What decides an `and` is a false operand, an `or` a true one; else null where one is null. */
function junction(name: string, sign: string, level: number, deciding: 0 | 1): Operator {
  return {
    name,
    level,
    seesNulls: true,
    type: booleans,
    loop([a, b], { values, nulls }) {
      return (rows, count) => {
        for (let i = 0; i < count; i++) {
          const row = rows[i];
          const [noA, noB] = [a.nulls?.[row] === 1, b.nulls?.[row] === 1];
          const decided = !noA && a.values[row] === deciding || !noB && b.values[row] === deciding;
          values[row] = decided ? deciding : 1 - deciding;
          if (nulls !== undefined) nulls[row] = !decided && (noA || noB) ? 1 : 0;
        }
      };
    },
    sql: ([a, b]) => `${a.sql} ${sign} ${b.sql}`,
  };
}

export const and = junction("and", "AND", Level.and, 0);
export const or = junction("or", "OR", Level.or, 1);

export const not: Operator = {
  name: "not",
  level: Level.not,
  type: booleans,
  loop([a], { values }) {
    return (rows, count) => {
      for (let i = 0; i < count; i++) values[rows[i]] = 1 - a.values[rows[i]];
    };
  },
  sql: ([a]) => `NOT ${a.sql}`,
};

function nullTest(name: string, sql: string, ofNull: 0 | 1): Operator {
  return {
    name,
    level: Level.compare,
    nullable: () => false,
    seesNulls: true,
    type: () => boolean,
    loop([{ nulls }], { values }) {
      return (rows, count) => {
        for (let i = 0; i < count; i++) {
          values[rows[i]] = nulls?.[rows[i]] === 1 ? ofNull : 1 - ofNull;
        }
      };
    },
    sql: ([a]) => `${a.sql} ${sql}`,
  };
}

export const isNull = nullTest("isNull", "IS NULL", 1);
export const isNotNull = nullTest("isNotNull", "IS NOT NULL", 0);

/** The type that holds the values of all of some types. */
function commonType(types: readonly FieldType[]): FieldType {
  const [first, ...rest] = types;
  const ranges = types.map(rangeOf);
  if (ranges.every((range) => range !== null)) {
    const scale = Math.max(...ranges.map((range) => range.scale));
    const scaled = ranges.map((range) => rescaled(range, scale));
    const least = Math.min(...scaled.map((range) => range.least));
    const most = Math.max(...scaled.map((range) => range.most));
    return { ...numberType({ scale, least, most }), unit: commonUnit(types) };
  }
  for (const other of rest) {
    const same = other.kind === first.kind && first.kind !== "instant" &&
      String(other.values) === String(first.values);
    if (!same) throw new TypeError(`expected ${typeName(first)}, got ${typeName(other)}`);
  }
  return first;
}

/** A function that copies one row of an operand into a vector of the common type. */
function copier(from: Vector, to: Vector): (row: number) => void {
  if (to.type.kind === "string") return (row) => void (to.texts[row] = from.texts[row]);
  const scales = [to.type, from.type].map((type) => rangeOf(type)?.scale ?? 0);
  const factor = 10 ** (scales[0] - scales[1]);
  return (row) => void (to.values[row] = from.values[row] * factor);
}

/**
 * Values of several types as one: the engine refuses to mix scales, or signed with unsigned, and
 * takes a null of an enumeration for a value where it makes a text of it.
 */
function converted({ sql, type }: SqlOperand, to: FieldType): string {
  if (to.kind === "enumeration") {
    return `CAST(${sql}, ${sqlText(clickHouseType({ ...to, nullable: type.nullable }))})`;
  }
  const scale = rangeOf(to)?.scale;
  if (scale === undefined) return sql;
  return scale === 0 ? `toInt64(${sql})` : `toDecimal64(${sql}, ${scale})`;
}

/** The first value that is not null. */
export const coalesce: Operator = {
  name: "coalesce",
  nullable: (operands) => operands.every(Boolean),
  seesNulls: true,
  type: commonType,
  loop([a, b], out) {
    const [ofA, ofB] = [copier(a, out), copier(b, out)];
    return (rows, count) => {
      for (let i = 0; i < count; i++) {
        const row = rows[i];
        const isNull = a.nulls?.[row] === 1;
        (isNull ? ofB : ofA)(row);
        if (out.nulls !== undefined) out.nulls[row] = isNull ? b.nulls?.[row] ?? 0 : 0;
      }
    };
  },
  sql: (operands, type) => `coalesce(${operands.map((each) => converted(each, type)).join(", ")})`,
};

/** Conditions and values in turn, and a last value: the value of the first condition that is true. */
export const cases: Operator = {
  name: "when",
  nullable: (operands) => operands.some((nullable, i) => isValue(i, operands.length) && nullable),
  seesNulls: true,
  type(operands) {
    booleans(operands.filter((_, i) => !isValue(i, operands.length)));
    return commonType(operands.filter((_, i) => isValue(i, operands.length)));
  },
  loop(operands, out) {
    const conditions = operands.filter((_, i) => !isValue(i, operands.length));
    const values = operands.filter((_, i) => isValue(i, operands.length));
    const copiers = values.map((value) => copier(value, out));
    return (rows, count) => {
      for (let i = 0; i < count; i++) {
        const row = rows[i];
        const met = conditions.findIndex(({ values, nulls }) =>
          values[row] === 1 && nulls?.[row] !== 1
        );
        const chosen = met < 0 ? conditions.length : met;
        copiers[chosen](row);
        if (out.nulls !== undefined) out.nulls[row] = values[chosen].nulls?.[row] ?? 0;
      }
    };
  },
  sql(operands, type) {
    const all = operands.map((each, i) =>
      isValue(i, operands.length) ? converted(each, type) : each.sql
    );
    return `multiIf(${all.join(", ")})`;
  },
};

/** A value where a condition is true, elsewhere null. */
export const onlyWhere: Operator = {
  name: "where",
  nullable: () => true,
  seesNulls: true,
  type([value, condition]) {
    booleans([condition]);
    return value;
  },
  loop([value, condition], out) {
    const copy = copier(value, out);
    return (rows, count) => {
      for (let i = 0; i < count; i++) {
        const row = rows[i];
        const met = condition.values[row] === 1 && condition.nulls?.[row] !== 1;
        if (met) copy(row);
        else if (out.type.kind === "string") out.texts[row] = "";
        out.nulls![row] = met ? value.nulls?.[row] ?? 0 : 1;
      }
    };
  },
  sql: ([value, condition]) => `if(${condition.sql}, ${value.sql}, NULL)`,
};

const isValue = (i: number, length: number) => i % 2 === 1 || i === length - 1;
