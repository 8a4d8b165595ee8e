/** Arithmetic as SQL has it over numbers of 64 bits, computed here. */

/** Computes an expression; `valueOf` gives the value of a name. */
export type Arithmetic = (valueOf: (name: string) => number) => number;

const TOKEN = /\s*(?:([a-z][a-z0-9_]*)|(\d+(?:\.\d+)?)|([-+*/()]))/y;

/**
 * Reads an expression of names, plain numbers, `+ - * /` and brackets.
 *
 * @param names what may stand in it.
 * @returns null for everything else that SQL may have: it is to be asked.
 * @example
 * ```ts
 * import { readArithmetic } from "./arithmetic.ts";
 * const share = readArithmetic("100 * (a - b) / a", new Set(["a", "b"]))!;
 * if (share((name) => ({ a: 8, b: 2 })[name]!) !== 75) throw new Error("unexpected");
 * if (readArithmetic("round(a)", new Set(["a"])) !== null) throw new Error("unexpected");
 * ```
 */
export function readArithmetic(text: string, names: ReadonlySet<string>): Arithmetic | null {
  const tokens = tokensOf(text);
  if (tokens === null) return null;
  const read = new Reader(tokens, names);
  const expression = read.sum();
  return read.ended ? expression : null;
}

function tokensOf(text: string): string[] | null {
  const tokens: string[] = [];
  const end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const match = TOKEN.exec(text);
    if (match === null) return null;
    tokens.push(match[1] ?? match[2] ?? match[3]);
  }
  return tokens;
}

/** Reads by descent; null where it cannot. */
class Reader {
  readonly #tokens: readonly string[];
  readonly #names: ReadonlySet<string>;
  #at = 0;

  constructor(tokens: readonly string[], names: ReadonlySet<string>) {
    this.#tokens = tokens;
    this.#names = names;
  }

  get ended(): boolean {
    return this.#at === this.#tokens.length;
  }

  sum(): Arithmetic | null {
    return this.#chain(["+", "-"], () => this.#product());
  }

  #product(): Arithmetic | null {
    return this.#chain(["*", "/"], () => this.#term());
  }

  /** Terms with operators between, from the left. */
  #chain(operators: readonly string[], term: () => Arithmetic | null): Arithmetic | null {
    let left = term();
    while (left !== null && operators.includes(this.#tokens[this.#at])) {
      const operator = this.#tokens[this.#at++];
      const [a, b] = [left, term()];
      left = b && ((valueOf) => operate(operator, a(valueOf), b(valueOf)));
    }
    return left;
  }

  #term(): Arithmetic | null {
    const token = this.#tokens[this.#at++];
    if (token === "-") {
      const term = this.#term();
      return term && ((valueOf) => -term(valueOf));
    }
    if (token === "(") {
      const inner = this.sum();
      return this.#tokens[this.#at++] === ")" ? inner : null;
    }
    if (token !== undefined && /^\d/.test(token)) return () => Number(token);
    return this.#names.has(token) ? (valueOf) => valueOf(token) : null;
  }
}

function operate(operator: string, a: number, b: number): number {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    default:
      return a / b;
  }
}
