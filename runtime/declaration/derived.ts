/** What is computed from the measures when they are shown: arithmetic of 64-bit floats. */
import { unitFault } from "../events.ts";
import { closest } from "../std/closest.ts";

/** A number, or a derived one. */
export type DerivedOperand = number | Derived;

/** A number that is computed from measures after the merge; null where it is not finite. */
export interface Derived {
  plus(other: DerivedOperand): Derived;
  minus(other: DerivedOperand): Derived;
  times(other: DerivedOperand): Derived;
  /** Divided by the other: `errors.per(requests)` is null where there are no requests. */
  per(other: DerivedOperand): Derived;
  /**
   * What one of the values is: `errors.per(requests).unit("share")`. The unit of a result is never
   * guessed from its operands. See `unit` of the measures.
   */
  unit(unit: string): Derived;
}

/** A derived column as data, which goes from thread to thread and into stored declarations. */
export type DerivedNode =
  | { readonly measure: string }
  | { readonly constant: number }
  | { readonly sign: Sign; readonly left: DerivedNode; readonly right: DerivedNode };

type Sign = keyof typeof operations;

const operations = {
  "+": (a: number, b: number) => a + b,
  "-": (a: number, b: number) => a - b,
  "*": (a: number, b: number) => a * b,
  "/": (a: number, b: number) => a / b,
};

/**
 * The value of a derived column in this process, as ClickHouse computes it with Float64.
 *
 * @example
 * ```ts
 * import { derivedValue } from "./derived.ts";
 * const mean = { sign: "/", left: { measure: "total" }, right: { measure: "n" } } as const;
 * if (derivedValue(mean, (name) => ({ total: 9, n: 2 })[name]!) !== 4.5) throw new Error("unexpected");
 * ```
 */
export function derivedValue(node: DerivedNode, valueOf: (measure: string) => number): number {
  if ("measure" in node) return valueOf(node.measure);
  if ("constant" in node) return node.constant;
  return operations[node.sign](derivedValue(node.left, valueOf), derivedValue(node.right, valueOf));
}

/** {@link Derived} as SQL over the measures' columns, and as data. */
export class DerivedExpression implements Derived {
  /**
   * @param level how tightly the SQL binds: 0 a name or a number, 1 a product, 2 a sum.
   * @param fault what makes it no expression.
   * @param declaredUnit what one of its values is.
   */
  constructor(
    readonly sql: string,
    readonly node: DerivedNode,
    readonly level = 0,
    readonly fault: string | null = null,
    readonly declaredUnit?: string,
  ) {}

  plus = (other: DerivedOperand): DerivedExpression => this.#with("+", 2, other);
  minus = (other: DerivedOperand): DerivedExpression => this.#with("-", 2, other);
  times = (other: DerivedOperand): DerivedExpression => this.#with("*", 1, other);
  per = (other: DerivedOperand): DerivedExpression => this.#with("/", 1, other);

  unit = (unit: string): DerivedExpression =>
    new DerivedExpression(this.sql, this.node, this.level, this.fault ?? unitFault(unit), unit);

  #with(sign: Sign, level: number, given: unknown): DerivedExpression {
    const other = typeof given === "number" && Number.isFinite(given) ? constant(given) : given;
    if (!(other instanceof DerivedExpression)) {
      return faulty(`expected a measure or a number, got ${given}`);
    }
    const left = this.level > level ? `(${this.sql})` : this.sql;
    const right = other.level >= level ? `(${other.sql})` : other.sql;
    const node = { sign, left: this.node, right: other.node };
    return new DerivedExpression(
      `${left} ${sign} ${right}`,
      node,
      level,
      this.fault ?? other.fault,
    );
  }
}

/** What is no expression, and why. */
export const faulty = (fault: string) => new DerivedExpression("", { constant: NaN }, 0, fault);

function constant(value: number): DerivedExpression {
  const sql = String(Math.abs(value));
  if (sql.includes("e")) return faulty(`expected a number of at most 15 digits, got ${value}`);
  const node = { constant: value };
  return value < 0 ? new DerivedExpression(`-${sql}`, node, 2) : new DerivedExpression(sql, node);
}

/**
 * The measures as numbers; one that is not declared is a fault, which names the closest one.
 *
 * @param texts those whose values are no numbers.
 */
export function derivable(
  measures: readonly string[],
  texts: readonly string[],
): Readonly<Record<string, DerivedExpression>> {
  const declared = Object.fromEntries(
    measures.map((name) => [
      name,
      texts.includes(name)
        ? faulty(`expected a measure that is a number, got "${name}"`)
        : new DerivedExpression(name, { measure: name }),
    ]),
  );
  return new Proxy(declared, {
    get: (_, name) =>
      typeof name !== "string" || Object.hasOwn(declared, name)
        ? declared[String(name)]
        : faulty(`there is no measure "${name}"${closest(name, measures)}`),
  });
}
