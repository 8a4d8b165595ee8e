import type { EventSchema, FieldType } from "../events.ts";
import * as arithmetic from "./arithmetic.ts";
import * as comparison from "./comparison.ts";
import * as logic from "./logic.ts";
import { Level, type Operator, type Parameter, sqlNumber } from "./operator.ts";
import { sqlText } from "../std/sql_text.ts";
import { numberType, rangeOf } from "./ranges.ts";
import * as texts from "./text.ts";
import * as time from "./time.ts";
import { offsetsOf } from "./time_zone.ts";
import { closest } from "../std/closest.ts";

/** What an expression is made of. */
export type Node =
  | { readonly kind: "field"; readonly name: string }
  /** A constant as a vector holds it. */
  | { readonly kind: "constant"; readonly value: Parameter }
  | { readonly kind: "compute"; readonly of: (event: never) => unknown; readonly sql: string }
  | {
    readonly kind: "call";
    readonly operator: Operator;
    readonly operands: readonly Expression[];
    readonly parameters: readonly Parameter[];
  };

/** A value given where an expression may stand. */
type Operand = Expression | string | number | boolean | null | undefined;

/**
 * An expression over the fields of an event: data, which gives a loop over columns and SQL. What an
 * author may do with it is in `typed.ts`; a fault is kept until the declaration is read.
 */
export class Expression {
  private constructor(
    readonly node: Node,
    readonly type: FieldType,
    /** Says all that decides its values: part of generations, and the name of its column. */
    readonly text: string,
    /** Why it has no values; null where it has. */
    readonly fault: string | null = null,
  ) {}

  static field(name: string, type: FieldType): Expression {
    return new Expression({ kind: "field", name }, type, name);
  }

  static compute(type: FieldType, of: (event: never) => unknown, sql: string): Expression {
    const { kind, nullable, values, scale, min, max } = type;
    const text = `compute(${
      JSON.stringify([kind, nullable, values, scale, min, max, sql])
    }, ${of})`;
    return new Expression({ kind: "compute", of, sql }, type, text);
  }

  /** See `expressionOf()`. */
  static restored(node: Node, type: FieldType, text: string): Expression {
    return new Expression(node, type, text);
  }

  /** What stands where an expression is missing. */
  static faulty(fault: string): Expression {
    const node = { kind: "constant", value: 0 } as const;
    return new Expression(node, { kind: "boolean", nullable: false }, "?", fault);
  }

  /** A constant; of an enumeration where its neighbour is one, and in the unit of its neighbour. */
  static constant(value: Operand, like?: FieldType): Expression {
    if (value instanceof Expression) return value;
    const made = (held: Parameter, type: FieldType) =>
      new Expression({ kind: "constant", value: held }, type, constantText(value, type));
    if (typeof value === "boolean") {
      return made(value ? 1 : 0, { kind: "boolean", nullable: false });
    }
    if (typeof value === "number") return numberConstant(value, like?.unit, made);
    if (typeof value !== "string") {
      return Expression.faulty(`expected a value or an expression, got ${value}`);
    }
    if (like?.kind !== "enumeration") {
      return made(value, { kind: "string", nullable: false, maxBytes: 3 * value.length });
    }
    const code = like.values!.indexOf(value);
    return code >= 0 ? made(code, { ...like, nullable: false }) : Expression.faulty(
      `expected one of ${like.values!.join(", ")}, got "${value}"${closest(value, like.values!)}`,
    );
  }

  static call(
    operator: Operator,
    operands: readonly Expression[],
    parameters: readonly Parameter[] = [],
  ): Expression {
    const faulty = operands.find(({ fault }) => fault !== null);
    if (faulty !== undefined) return faulty;
    const given = [
      ...operands.map(({ text }) => text),
      ...parameters.map((p) => JSON.stringify(p)),
    ];
    const text = `${operator.name}(${given.join(", ")})`;
    try {
      const type = operator.type(operands.map(({ type }) => type), parameters);
      const each = operands.map((operand) => operand.type.nullable);
      const nullable = operator.nullable?.(each) ?? each.some(Boolean);
      const node = { kind: "call", operator, operands, parameters } as const;
      return new Expression(node, { ...type, nullable }, text);
    } catch (error) {
      return Expression.faulty(`${text}: ${(error as Error).message}`);
    }
  }

  /** Whether its value can be null where expressions that `known` names are not. */
  nullableWhere(known: ReadonlySet<string>): boolean {
    if (!this.type.nullable || known.has(this.text)) return false;
    if (this.node.kind !== "call") return true;
    const { operator, operands } = this.node;
    const each = operands.map((operand) => operand.nullableWhere(known));
    return operator.nullable?.(each) ?? each.some(Boolean);
  }

  /** The expressions that have a value wherever this condition is true. */
  knownWhereTrue(): string[] {
    if (this.node.kind !== "call") return [this.text];
    const { operator, operands } = this.node;
    if (operator === logic.and) return operands.flatMap((each) => each.knownWhereTrue());
    if (operator === logic.isNotNull) return operands[0].strictParts();
    return operator.nullable === undefined && !operator.seesNulls
      ? operands.flatMap((each) => each.strictParts())
      : [];
  }

  /** It and the parts of it without which it would be null. */
  private strictParts(): string[] {
    if (this.node.kind !== "call") return [this.text];
    const { operator, operands } = this.node;
    const strict = operator.nullable === undefined && !operator.seesNulls;
    return [this.text, ...strict ? operands.flatMap((each) => each.strictParts()) : []];
  }

  /** Whether a function is part of it. */
  get hasFunction(): boolean {
    return this.node.kind === "compute" ||
      this.node.kind === "call" && this.node.operands.some((operand) => operand.hasFunction);
  }

  /** @param columnSql the SQL of a field. */
  sql(columnSql: (field: string) => string): string {
    const { node, type } = this;
    switch (node.kind) {
      case "field":
        return columnSql(node.name);
      case "compute":
        return `(${node.sql})`;
      case "constant":
        return constantSql(node.value, type);
      case "call": {
        const level = node.operator.level ?? Level.atom;
        const operands = node.operands.map((operand) => {
          const sql = operand.sql(columnSql);
          const inner = operand.#level;
          const same = operand.node.kind === "call" && operand.node.operator === node.operator &&
            level >= Level.and;
          return {
            sql: level > 0 && inner >= level && !same ? `(${sql})` : sql,
            type: operand.type,
          };
        });
        return node.operator.sql(operands, type, node.parameters);
      }
    }
  }

  get #level(): number {
    return this.node.kind === "call" ? this.node.operator.level ?? Level.atom : Level.atom;
  }

  toJSON(): string {
    return this.text;
  }

  #with(operator: Operator, other: Operand): Expression {
    const operand = Expression.constant(other, this.type);
    const kinds = [this.type.kind, operand.type.kind];
    if (kinds[0] === kinds[1] || !kinds.includes("string")) {
      return Expression.call(operator, [this, operand]);
    }
    // An enumeration beside a text is its text.
    return Expression.call(operator, [this.asText(), operand.asText()]);
  }

  /** Itself, or the text of an enumeration. */
  asText(): Expression {
    return this.type.kind === "enumeration" ? Expression.call(texts.text, [this]) : this;
  }

  #ofText(operator: Operator, ...parameters: Parameter[]): Expression {
    return Expression.call(operator, [this.asText()], parameters);
  }

  /** The fault of a parameter, where it is not what it must be. */
  #expecting(valid: boolean, what: string, got: unknown, call: () => Expression): Expression {
    if (this.fault !== null || valid) return call();
    return Expression.faulty(`${this.text}: expected ${what}, got ${JSON.stringify(got)}`);
  }

  /** A whole number is itself. */
  #whole(operator: Operator): Expression {
    return rangeOf(this.type)?.scale === 0 ? this : Expression.call(operator, [this]);
  }

  #split(operator: Operator, separator: string): Expression {
    const valid = typeof separator === "string" && separator !== "";
    const call = () => this.#ofText(operator, separator);
    return this.#expecting(valid, "a separator that is a text", separator, call);
  }

  isNull = () => Expression.call(logic.isNull, [this]);
  isNotNull = () => Expression.call(logic.isNotNull, [this]);
  and = (other: Operand) => this.#with(logic.and, other);
  or = (other: Operand) => this.#with(logic.or, other);
  not = () => Expression.call(logic.not, [this]);
  coalesce = (other: Operand) => this.#with(logic.coalesce, other);

  eq = (other: Operand) => this.#with(comparison.eq, other);
  ne = (other: Operand) => this.#with(comparison.ne, other);
  lt = (other: Operand) => this.#with(comparison.lt, other);
  lte = (other: Operand) => this.#with(comparison.lte, other);
  gt = (other: Operand) => this.#with(comparison.gt, other);
  gte = (other: Operand) => this.#with(comparison.gte, other);
  in = (values: readonly (string | number | boolean)[]) => {
    if (this.fault !== null) return this;
    if (!Array.isArray(values) || values.length === 0) {
      return Expression.faulty(`${this.text}: expected a list of values, got ${values}`);
    }
    // Each is compared as eq() would compare it.
    const made = values.map((value) => Expression.constant(value, this.type));
    const faulty = made.map((value) => this.eq(value)).find(({ fault }) => fault !== null);
    const held = made.map((value) => heldAs(value, this.type));
    return faulty ?? this.#expecting(
      !held.includes(null),
      `values of at most ${this.type.scale ?? 0} places`,
      values,
      () => Expression.call(comparison.isIn, [this], held as Parameter[]),
    );
  };

  plus = (other: Operand) => this.#with(arithmetic.plus, other);
  minus = (other: Operand) => this.#with(arithmetic.minus, other);
  times = (other: Operand) => this.#with(arithmetic.times, other);
  floor = () => this.#whole(arithmetic.floor);
  ceil = () => this.#whole(arithmetic.ceil);
  round = () => this.#whole(arithmetic.round);
  bucket = (width: number) =>
    this.#expecting(
      typeof width === "number",
      "a width",
      width,
      () => this.#with(arithmetic.bucket, width),
    );

  lower = () => this.#ofText(texts.lower);
  upper = () => this.#ofText(texts.upper);
  length = () => this.#ofText(texts.length);
  startsWith = (prefix: string) =>
    this.#expecting(
      typeof prefix === "string",
      "a text",
      prefix,
      () => this.#ofText(texts.startsWith, prefix),
    );
  substring = (start: number, length: number) => {
    const valid = Number.isInteger(start) && start >= 1 && Number.isInteger(length) && length >= 0;
    const call = () => this.#ofText(texts.substring, start, length);
    return this.#expecting(valid, "a start from 1 on and a length", [start, length], call);
  };
  before = (separator: string) => this.#split(texts.before, separator);
  after = (separator: string) => this.#split(texts.after, separator);

  hour = (zone?: string) => Expression.call(time.hour, [this.#in(zone)]);
  weekday = (zone?: string) => Expression.call(time.weekday, [this.#in(zone)]);
  date = (zone?: string) => Expression.call(time.date, [this.#in(zone)]);

  #in(zone: string | undefined): Expression {
    if (zone === undefined || this.fault !== null) return this;
    try {
      return Expression.call(time.local, [this], [zone, offsetsOf(zone).digest]);
    } catch (error) {
      return Expression.faulty(`${this.text}: ${(error as Error).message}`);
    }
  }
}

/** An enumeration's constant differs from the same text. */
const constantText = (value: unknown, { values }: FieldType) =>
  JSON.stringify(values === undefined ? value : [value, values]);

/** A constant as a vector of the type holds it; null where it has more places than the type. */
function heldAs({ node, type }: Expression, { scale = 0 }: FieldType): Parameter | null {
  const { value } = node as Extract<Node, { kind: "constant" }>;
  if (rangeOf(type) === null) return value;
  const held = Number(value) * 10 ** (scale - (type.scale ?? 0));
  return Number.isInteger(held) ? held : null;
}

function numberConstant(
  value: number,
  unit: string | undefined,
  made: (held: Parameter, type: FieldType) => Expression,
): Expression {
  const [, places = ""] = String(value).split(".");
  const scale = places.length;
  const held = Math.round(value * 10 ** scale) + 0;
  if (!Number.isSafeInteger(held) || String(value).includes("e")) {
    return Expression.faulty(`expected a number of at most 15 digits, got ${value}`);
  }
  return made(held, { ...numberType({ scale, least: held, most: held }), unit });
}

function constantSql(value: Parameter, { kind, values, scale = 0 }: FieldType): string {
  if (kind === "string") return sqlText(String(value));
  if (kind === "enumeration") return sqlText(values![Number(value)]);
  return kind === "boolean" ? String(value === 1) : sqlNumber(Number(value), scale);
}

/** The fields of a schema; a field that is not declared is a fault, which names the closest one. */
export function fieldsOf({ fields }: EventSchema): Readonly<Record<string, Expression>> {
  const declared = Object.fromEntries(
    Object.entries(fields).map(([name, type]) => [name, Expression.field(name, type)]),
  );
  return new Proxy(declared, {
    get: (_, name) =>
      typeof name !== "string" || Object.hasOwn(declared, name)
        ? declared[String(name)]
        : Expression.faulty(
          `the schema has no field "${name}"${closest(name, Object.keys(fields))}`,
        ),
  });
}
