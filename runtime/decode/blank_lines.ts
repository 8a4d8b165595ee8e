const LF = 0x0a;

/** Whether a byte is white space of JSON. */
export function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === LF || byte === 0x0d || byte === 0x09;
}

/** A run of blank lines. */
export interface BlankRun {
  /** Where the line behind the run starts. */
  readonly end: number;
  readonly lines: number;
}

/**
 * Finds the blank lines at the start of `bytes[from, to)`, `from` being the start of a line: lines of
 * white space only, of at most `maxLineBytes` each, with their line feeds. A small compressed body
 * can hold millions of them, so none of them may cost more than its bytes.
 */
export function blankRun(
  bytes: Uint8Array,
  from: number,
  to: number,
  maxLineBytes: number,
): BlankRun {
  let lines = 0;
  let end = from;
  for (let p = from; p < to && isSpace(bytes[p]); p++) {
    if (bytes[p] !== LF) continue;
    if (p - end > maxLineBytes) break;
    lines++;
    end = p + 1;
  }
  return { end, lines };
}
