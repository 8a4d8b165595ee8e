/** What is computed from the measures when they are shown: arithmetic of 64-bit floats. */
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
}

/** {@link Derived} as SQL over the measures' columns. */
export class DerivedSql implements Derived {
  /** @param level how tightly it binds: 0 a name or a number, 1 a product, 2 a sum. */
  constructor(readonly sql: string, readonly level = 0, readonly fault: string | null = null) {}

  plus = (other: DerivedOperand): DerivedSql => this.#with("+", 2, other);
  minus = (other: DerivedOperand): DerivedSql => this.#with("-", 2, other);
  times = (other: DerivedOperand): DerivedSql => this.#with("*", 1, other);
  per = (other: DerivedOperand): DerivedSql => this.#with("/", 1, other);

  #with(sign: string, level: number, given: unknown): DerivedSql {
    const other = typeof given === "number" && Number.isFinite(given) ? numberSql(given) : given;
    if (!(other instanceof DerivedSql)) {
      return new DerivedSql("", 0, `expected a measure or a number, got ${given}`);
    }
    const left = this.level > level ? `(${this.sql})` : this.sql;
    const right = other.level >= level ? `(${other.sql})` : other.sql;
    return new DerivedSql(`${left} ${sign} ${right}`, level, this.fault ?? other.fault);
  }
}

function numberSql(value: number): DerivedSql {
  const sql = String(Math.abs(value));
  const fault = sql.includes("e") ? `expected a number of at most 15 digits, got ${value}` : null;
  return value < 0 ? new DerivedSql(`-${sql}`, 2, fault) : new DerivedSql(sql, 0, fault);
}

/** The measures as numbers; one that is not declared is a fault, which names the closest one. */
export function derivable(measures: readonly string[]): Readonly<Record<string, DerivedSql>> {
  const declared = Object.fromEntries(measures.map((name) => [name, new DerivedSql(name)]));
  return new Proxy(declared, {
    get: (_, name) =>
      typeof name !== "string" || Object.hasOwn(declared, name)
        ? declared[String(name)]
        : new DerivedSql("", 0, `there is no measure "${name}"${closest(name, measures)}`),
  });
}
