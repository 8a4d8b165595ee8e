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
  const found = nearest(name, valid);
  return found === null ? "" : `; did you mean "${found}"?`;
}

/** The valid name that was probably meant; null where none is close. */
export function nearest(name: string, valid: readonly string[]): string | null {
  const ranked = valid
    .map((candidate) => {
      const begun = name.length >= 3 && candidate.startsWith(name);
      return { candidate, edits: begun ? 1 : editsBetween(name.toLowerCase(), candidate) };
    })
    .sort((a, b) => a.edits - b.edits);
  const best = ranked.at(0);
  return best !== undefined && best.edits <= Math.floor(name.length / 3) ? best.candidate : null;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one text into the other. */
function editsBetween(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
        ? before[j - 2] + 1
        : Infinity;
      next.push(Math.min(replaced, swapped, row[j] + 1, next[j - 1] + 1));
    }
    [before, row] = [row, next];
  }
  return row[b.length];
}
