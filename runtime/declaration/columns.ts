/** The columns that follow from the expressions of a declaration. */
import {
  clickHouseType,
  type EventSchema,
  type Field,
  type FieldType,
  MAX_MAGNITUDE,
} from "../events.ts";
import { Expression } from "../expressions/expression.ts";
import { rangeOf, typeName } from "../expressions/ranges.ts";
import type { ComputedColumn, KeyColumn, Measure } from "../plugin.ts";
import { type Faults, shown } from "./faults.ts";

/** Reads the expressions of a declaration, and keeps those that are more than a field. */
export class ColumnReader {
  readonly computed: Record<string, ComputedColumn> = {};
  /** The expressions that are not null where an event counts. */
  #known: ReadonlySet<string> = new Set();

  constructor(readonly source: EventSchema, readonly faults: Faults) {}

  /** Every column that may be read, by name. */
  get fields(): Readonly<Record<string, Field>> {
    const computed = Object.entries(this.computed).map(([name, { type }]) => [name, type]);
    return { ...this.source.fields, ...Object.fromEntries(computed) };
  }

  /** The condition on events. */
  where(value: unknown): Expression | undefined {
    const expression = this.#expression("where", value);
    if (expression === null) return undefined;
    if (expression.type.kind !== "boolean") {
      this.faults.add(`where must be a condition, got ${typeName(expression.type)}`);
      return undefined;
    }
    this.#known = new Set(expression.knownWhereTrue());
    return expression;
  }

  /** A key column; null where it is at fault. */
  key(name: string, value: unknown): KeyColumn | null {
    const expression = this.#expression(`key "${name}"`, value);
    if (expression === null) return null;
    const type = keyType(expression.type);
    const nullable = expression.nullableWhere(this.#known);
    if (type === null || nullable) {
      this.faults.add(
        `key "${name}" must be a whole number from 0 to 4294967295, an enumeration, a text or a ` +
          `boolean that is not nullable, got ${described(expression.type, nullable)}` +
          (nullable ? "; leave null out by where, or replace it by coalesce()" : ""),
      );
      return null;
    }
    return { name, type, sqlType: clickHouseType(type), field: this.#columnOf(expression) };
  }

  /** A measure without its expression; null where that is at fault. */
  measure(name: string, measure: Measure): Measure | null {
    const member = `measure "${name}"`;
    const { input, ...declared } = measure ?? {};
    if (typeof declared.kind !== "string") {
      this.faults.add(`${member} must be a measure such as count(), got ${shown(measure)}`);
      return null;
    }
    if (!("input" in measure)) return declared;
    const expression = this.#expression(`${member}: ${declared.kind}`, input);
    if (expression === null) return null;
    const range = rangeOf(expression.type);
    if (range !== null && Math.max(-range.least, range.most) > MAX_MAGNITUDE) {
      const unit = 10 ** range.scale;
      this.faults.add(
        `${member} takes numbers of at most ${MAX_MAGNITUDE} steps, got ${range.least / unit} to ` +
          `${range.most / unit} with ${range.scale} places`,
      );
      return null;
    }
    return { ...declared, field: this.#columnOf(expression) };
  }

  #expression(member: string, value: unknown): Expression | null {
    const expression = value instanceof Expression
      ? value
      : Expression.faulty(`expected an expression of the fields, got ${shown(value)}`);
    if (expression.fault === null) return expression;
    this.faults.add(`${member}: ${expression.fault}`);
    return null;
  }

  #columnOf(expression: Expression): string {
    if (expression.node.kind !== "field") {
      const type = { ...expression.type, summary: "" };
      this.computed[expression.text] = { type, expression };
    }
    return expression.text;
  }
}

/** The type of a key column with such values; null where there is none. */
function keyType(type: FieldType): Field | null {
  const field = { summary: "", ...type, nullable: false };
  if (["string", "enumeration", "boolean", "uint32"].includes(type.kind)) return field;
  const range = rangeOf(type);
  const fits = range !== null && range.scale === 0 && range.least >= 0 && range.most < 2 ** 32;
  return fits ? { kind: "uint32", nullable: false, summary: "", unit: type.unit } : null;
}

function described(type: FieldType, nullable: boolean): string {
  const range = rangeOf(type);
  const bounds = range === null
    ? ""
    : ` from ${range.least / 10 ** range.scale} to ${range.most / 10 ** range.scale}`;
  return `${typeName(type)}${bounds}${nullable ? " that can be null" : ""}`;
}
