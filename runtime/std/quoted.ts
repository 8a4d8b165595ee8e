/**
 * A text of a request in quotes, for a message about it; cut off behind its 80th character.
 *
 * @example
 * ```ts
 * import { quoted } from "./quoted.ts";
 * if (quoted('a "b"') !== '"a \\"b\\""') throw new Error(quoted('a "b"'));
 * ```
 */
export const quoted = (text: string): string =>
  JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
