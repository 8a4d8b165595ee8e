import { closest } from "../std/closest.ts";

/** What is wrong with a declaration, all of it, so that an author reads it at once. */
export class Faults {
  readonly #faults: string[] = [];

  add(fault: string): void {
    // One cause may show in several members.
    if (!this.#faults.includes(fault)) this.#faults.push(fault);
  }

  get any(): boolean {
    return this.#faults.length > 0;
  }

  /** Adds a fault where a value is none of those that are allowed. */
  oneOf(member: string, value: unknown, allowed: readonly string[], words = ""): void {
    if (typeof value === "string" && allowed.includes(value)) return;
    const hint = typeof value === "string" ? closest(value, allowed) : "";
    this.add(`${member} must be ${words || allowed.join(" or ")}, got ${shown(value)}${hint}`);
  }

  /** Adds a fault for each member of an object that is not known. */
  unknownMembers(path: string, value: object, known: readonly string[]): void {
    for (const member of Object.keys(value)) {
      if (known.includes(member)) continue;
      const where = path === "" ? member : `${path}.${member}`;
      this.add(`${where} is no member; known are ${known.join(", ")}${closest(member, known)}`);
    }
  }

  /**
   * Calls a function of the declaration, which may throw anything.
   *
   * @returns what it returns, in an object; null where it throws, or is none.
   */
  call(member: string, of: unknown, given: unknown): { readonly returned: unknown } | null {
    if (typeof of !== "function") {
      this.add(`${member} must be a function of the fields, got ${shown(of)}`);
      return null;
    }
    try {
      return { returned: of(given) };
    } catch (error) {
      this.add(`${member} throws: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  }

  /**
   * @param what the kind of the declaration, in words.
   * @throws {DeclarationError} when there are faults.
   */
  throwAny(name: unknown, what = "plugin"): void {
    if (this.any) throw new DeclarationError(`${what} ${shown(name)}`, this.#faults);
  }
}

/** All that is wrong with a declaration. */
export class DeclarationError extends TypeError {
  constructor(what: string, readonly faults: readonly string[]) {
    const all = faults.length === 1 ? faults[0] : `\n- ${faults.join("\n- ")}`;
    super(`Cannot define ${what}: ${all}`);
  }
}

/** A value in a message. */
export const shown = (value: unknown): string =>
  typeof value === "function" ? "a function" : JSON.stringify(value) ?? String(value);
