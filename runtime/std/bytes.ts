/** Typed arrays that grow, and bytes behind each other. */

type Growing = Uint8Array | Uint32Array | Float64Array;

/** A copy of `length` elements; those beyond the array's are 0. */
export function resized<T extends Growing>(array: T, length: number): T {
  const copy = new (array.constructor as new (length: number) => Growing)(length);
  copy.set(array);
  return copy as T;
}

/**
 * The array where it has `length` elements or more; else a copy of at least twice its length, so that
 * an array that grows step by step is not copied at each.
 *
 * @example
 * ```ts
 * import { withRoom } from "./bytes.ts";
 * const bytes = Uint8Array.of(1, 2);
 * if (withRoom(bytes, 2) !== bytes) throw new Error("unexpected");
 * if (withRoom(bytes, 3).join() !== "1,2,0,0") throw new Error("unexpected");
 * ```
 */
export function withRoom<T extends Growing>(array: T, length: number): T {
  return length <= array.length ? array : resized(array, Math.max(length, array.length * 2));
}

/** Bytes behind each other; of one part, the part itself. */
export function concat<Part extends Uint8Array>(
  parts: readonly Part[],
): Part | Uint8Array<ArrayBuffer> {
  if (parts.length === 1) return parts[0];
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
