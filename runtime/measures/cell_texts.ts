/** Texts of cells, as bytes. */
import { withRoom } from "../std/bytes.ts";
import type { RowBinaryWriter } from "../std/row_binary.ts";

/** A text per cell, in UTF-8: bytes behind each other in one array that grows by need. */
export class CellTexts {
  #bytes = new Uint8Array();
  #used = 0;
  #starts = new Uint32Array();
  #lengths = new Uint32Array();

  /** A copy of a cell's text; empty where none was set. */
  of(cell: number): Uint8Array {
    return this.#view(cell).slice();
  }

  /** Replaces the text of a cell. */
  set(cell: number, text: Uint8Array): void {
    this.#starts = withRoom(this.#starts, cell + 1);
    this.#lengths = withRoom(this.#lengths, cell + 1);
    // A longer text than the one before goes behind all others.
    if (text.length > this.#lengths[cell]) {
      this.#starts[cell] = this.#used;
      this.#used += text.length;
      this.#bytes = withRoom(this.#bytes, this.#used);
    }
    this.#bytes.set(text, this.#starts[cell]);
    this.#lengths[cell] = text.length;
  }

  write(writer: RowBinaryWriter, cell: number): void {
    writer.binary(this.#view(cell));
  }

  /** Gives back the room of texts to come. @returns how many bytes are left. */
  seal(cells: number): number {
    this.#bytes = this.#bytes.slice(0, this.#used);
    this.#starts = this.#starts.slice(0, cells);
    this.#lengths = this.#lengths.slice(0, cells);
    return this.#used + this.#starts.byteLength + this.#lengths.byteLength;
  }

  #view(cell: number): Uint8Array {
    const start = this.#starts[cell] ?? 0;
    return this.#bytes.subarray(start, start + (this.#lengths[cell] ?? 0));
  }
}
