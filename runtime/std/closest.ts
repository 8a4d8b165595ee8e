/**
 * Words that suggest a valid name for one that is not, to be put behind a message; an empty text
 * where none is close.
 *
 * @example
 * ```ts
 * import { closest } from "./closest.ts";
 * const hint = closest("vieww", ["view", "pause"]);
 * if (hint !== '; did you mean "view"?') throw new Error(hint);
 * ```
 */
export function closest(name: string, valid: readonly string[]): string {
  const ranked = valid
    .map((candidate) => {
      const begun = name.length >= 3 && candidate.startsWith(name);
      return { candidate, edits: begun ? 1 : editsBetween(name, candidate) };
    })
    .sort((a, b) => a.edits - b.edits);
  const best = ranked.at(0);
  const isClose = best !== undefined && best.edits <= Math.floor(name.length / 3);
  return isClose ? `; did you mean "${best.candidate}"?` : "";
}

/** How many letters must be added, removed or replaced to make one text of the other. */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[b.length];
}
