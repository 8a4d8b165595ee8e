import { createHash } from "node:crypto";

/**
 * Eight letters and digits that tell one JSON value from another: 48 bits of its SHA-256, base64url.
 *
 * @example
 * ```ts
 * import { digestOf } from "./digest.ts";
 * if (digestOf({ limit: 10 }) === digestOf({ limit: 20 })) throw new Error("unexpected");
 * ```
 */
export function digestOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("base64url").slice(0, 8);
}
