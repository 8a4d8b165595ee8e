/**
 * Frontiers and cuts: how far something has come in every partition of every log of a topic.
 */
import { UserError } from "../std/errors.ts";

/**
 * By log identity, the next offset of each partition; a partition that is not there is at 0. A cut
 * is a frontier whose components are block bounds.
 */
export type Cut = Readonly<Record<string, readonly bigint[]>>;

/**
 * Whether `a` has come at least as far as `b` everywhere.
 *
 * @example
 * ```ts
 * import { reaches } from "./frontier.ts";
 * if (!reaches({ log: [5n, 2n] }, { log: [5n] })) throw new Error("unexpected");
 * if (reaches({ log: [5n] }, { log: [5n, 1n] })) throw new Error("unexpected");
 * ```
 */
export function reaches(a: Cut, b: Cut): boolean {
  return Object.entries(b).every(([log, offsets]) =>
    offsets.every((offset, partition) => (a[log]?.[partition] ?? 0n) >= offset)
  );
}

/** The componentwise greater of two frontiers. */
export function furthest(a: Cut, b: Cut): Cut {
  const merged: Record<string, bigint[]> = {};
  for (const log of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const length = Math.max(a[log]?.length ?? 0, b[log]?.length ?? 0);
    merged[log] = Array.from({ length }, (_, partition) => {
      const [x, y] = [a[log]?.[partition] ?? 0n, b[log]?.[partition] ?? 0n];
      return x > y ? x : y;
    });
  }
  return merged;
}

/** The components of `target` that `covered` has not reached; the others are 0. */
export function beyond(target: Cut, covered: Cut): Cut {
  return Object.fromEntries(
    Object.entries(target).map(([log, offsets]) => [
      log,
      offsets.map((offset, partition) => offset > (covered[log]?.[partition] ?? 0n) ? offset : 0n),
    ]),
  );
}

/**
 * A frontier as an opaque text, for answers and `wait_for`.
 *
 * @example
 * ```ts
 * import { decodeFrontier, encodeFrontier } from "./frontier.ts";
 * const token = encodeFrontier({ "local-1": [3n, 0n] });
 * if (decodeFrontier(token)["local-1"][0] !== 3n) throw new Error("unexpected");
 * ```
 */
export function encodeFrontier(cut: Cut): string {
  return Object.keys(cut).sort().map((log) => [log, ...cut[log]].join("_")).join("~");
}

/**
 * The frontier of a text that {@link encodeFrontier} made.
 *
 * @throws {UserError} naming `wait_for`, the only input of that kind, when the text is not a frontier.
 */
export function decodeFrontier(text: string): Cut {
  const cut: Record<string, bigint[]> = {};
  for (const part of text === "" ? [] : text.split("~")) {
    const match = /^([0-9a-z-]+)((?:_[0-9]{1,19})*)$/.exec(part);
    if (!match) {
      throw new UserError(
        `Cannot read wait_for: expected a frontier as the API gave it, got "${text.slice(0, 80)}"`,
        { field: "wait_for" },
      );
    }
    cut[match[1]] = match[2].split("_").slice(1).map(BigInt);
  }
  return cut;
}

/** A cut as JSON, offsets as text. */
export function encodeCut(cut: Cut): Record<string, string[]> {
  return Object.fromEntries(Object.entries(cut).map(([log, at]) => [log, at.map(String)]));
}

/** A cut in JSON: as {@link encodeCut} makes it, or a query a `Map(String, Array(UInt64))`. */
export type CutJson = Readonly<Record<string, readonly (number | string)[]>>;

/** The cut of its JSON. */
export function decodeCut(cut: CutJson): Cut {
  return Object.fromEntries(Object.entries(cut).map(([log, at]) => [log, at.map(BigInt)]));
}
