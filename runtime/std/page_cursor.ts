/** Cursors of paged lists: where a page ended, as an opaque text that belongs to one question. */
import { quoted } from "./quoted.ts";
import { digestOf } from "./digest.ts";
import { UserError } from "./errors.ts";

/** A part of a list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** Opaque: the cursor of the next page; null on the last one. */
  readonly next: string | null;
}

/** A value of a position: JSON's scalars. */
export type Scalar = string | number | boolean | null;

/**
 * A position as an opaque text.
 *
 * @param question what was asked, without the page: a cursor is good for this question alone.
 * @example
 * ```ts
 * import { decodeCursor, encodeCursor, placesOf, wholeUpTo } from "./page_cursor.ts";
 * const text = encodeCursor({ metric: "ratings" }, [12]);
 * const [at] = decodeCursor(text, { metric: "ratings" }, "after", placesOf(wholeUpTo(99n)));
 * if (at !== 12) throw new Error("unexpected");
 * ```
 */
export function encodeCursor(question: unknown, position: readonly Scalar[]): string {
  return toBase64Url(JSON.stringify([digestOf(question), ...position]));
}

/**
 * The position of a text that {@link encodeCursor} made for the same question.
 *
 * @param field the input's name, for the error.
 * @param fits whether it can be a position of the question: a text may be made up.
 * @throws {UserError} when the text is no cursor or belongs to another question.
 */
export function decodeCursor(
  text: string,
  question: unknown,
  field: string,
  fits: (position: readonly Scalar[]) => boolean,
): Scalar[] {
  const fault = (what: string) =>
    new UserError(`Cannot read ${field}: ${what}, got ${quoted(text)}`, {
      field,
    });
  let read: unknown;
  try {
    read = JSON.parse(fromBase64Url(text));
  } catch {
    throw fault("expected a cursor as the API gave it");
  }
  if (!Array.isArray(read) || !read.every(isScalar)) {
    throw fault("expected a cursor as the API gave it");
  }
  const [of, ...position] = read;
  if (of !== digestOf(question)) throw fault("expected a cursor that belongs to the same question");
  if (!fits(position)) throw fault("expected a cursor as the API gave it");
  return position;
}

/** What a value of a position has to be. */
export type Fits = (value: Scalar) => boolean;

/** Positions that have so many values, each of which fits its place. */
export function placesOf(...places: readonly Fits[]): (position: readonly Scalar[]) => boolean {
  return (position) =>
    position.length === places.length && position.every((value, i) => places[i](value));
}

/** Whether a value is a whole number in `0..most`, as a number or in digits. */
export function wholeUpTo(most: bigint): Fits {
  return (value) => /^\d{1,20}$/.test(String(value)) && BigInt(String(value)) <= most;
}

/** Whether a value is a text. */
export const isText: Fits = (value) => typeof value === "string";

const isScalar = (value: unknown): value is Scalar => value === null || typeof value !== "object";

function toBase64Url(text: string): string {
  return new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true });
}

function fromBase64Url(text: string): string {
  const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}
