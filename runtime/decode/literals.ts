/**
 * Byte strings to compare with, four bytes at a time: words 0, 4, 8 … and, last, the four bytes that
 * end the literal (they may overlap the word before), so that a comparison reads no byte beyond it.
 * A literal of fewer than four bytes is compared byte by byte.
 */
export class Literals {
  #words = new Int32Array(0);
  #firstWord = new Int32Array(0);
  #length = new Int32Array(0);

  /** @returns the number of the added text, whose UTF-8 is at least one byte. */
  add(text: string): number {
    const bytes = new TextEncoder().encode(text);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const words: number[] = [];
    const last = bytes.length - 4;
    for (let p = 0; p < last; p += 4) words.push(view.getInt32(p, true));
    if (last >= 0) words.push(view.getInt32(last, true));
    else words.push(...bytes);
    this.#firstWord = Int32Array.of(...this.#firstWord, this.#words.length);
    this.#length = Int32Array.of(...this.#length, bytes.length);
    this.#words = Int32Array.of(...this.#words, ...words);
    return this.#length.length - 1;
  }

  /** @returns the position behind literal `n` when it stands at `p`, before `end`; else −1. */
  match(n: number, view: DataView, p: number, end: number): number {
    const behind = p + this.#length[n];
    if (behind > end) return -1;
    const words = this.#words;
    const last = behind - 4;
    let w = this.#firstWord[n];
    if (last < p) {
      for (; p < behind; p++) if (view.getUint8(p) !== words[w++]) return -1;
      return behind;
    }
    for (; p < last; p += 4) if (view.getInt32(p, true) !== words[w++]) return -1;
    return view.getInt32(last, true) === words[w] ? behind : -1;
  }
}
