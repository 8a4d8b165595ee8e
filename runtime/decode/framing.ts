/**
 * What a framing does with bytes: it is called with each stretch of input once, in order, and
 * reports what it finds. Positions are relative to `bytes`; a start that was reported and has no end
 * yet is remembered by the splitter.
 */
export interface FramingScan {
  /**
   * Scans `bytes[from, to)`.
   *
   * @throws UserError when the framing is broken.
   */
  scan(bytes: Uint8Array, from: number, to: number, sink: FramingSink): void;
  /** Tells that the input is at its end, at `at`. @throws UserError when it may not end here. */
  end(at: number, sink: FramingSink): void;
}

/** Where a {@link FramingScan} reports to. */
export interface FramingSink {
  /** A record starts at `at`, on `line`. */
  begin(at: number, line: number): void;
  /** The record that was begun ends at `at` (exclusive). */
  finish(at: number): void;
}
