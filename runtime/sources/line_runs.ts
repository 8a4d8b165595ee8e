/** Lines that go together. */
export interface LineRun {
  /** NDJSON; the caller's. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly events: number;
}

const LINE_FEED = 0x0a;

/**
 * Cuts chunks of whole lines into runs of equal length.
 *
 * @param perRun lines of a run, 1 or more; the last may be shorter.
 * @param count ends after so many lines.
 */
export function* lineRuns(
  chunks: Iterable<LineRun>,
  perRun: number,
  count: number,
): Generator<LineRun> {
  let parts: Uint8Array[] = [];
  let events = 0;
  let left = count;
  for (const chunk of chunks) {
    let { bytes } = chunk;
    let rest = chunk.events;
    while (rest > 0 && left > 0) {
      const wanted = Math.min(perRun, left) - events;
      if (rest < wanted) {
        parts.push(bytes);
        events += rest;
        break;
      }
      const end = wanted === rest ? bytes.length : endOf(bytes, wanted);
      yield { bytes: joined([...parts, bytes.subarray(0, end)]), events: events + wanted };
      left -= events + wanted;
      [parts, events, rest, bytes] = [[], 0, rest - wanted, bytes.subarray(end)];
    }
    if (left === 0) return;
  }
  if (events > 0) yield { bytes: joined(parts), events };
}

/** Where so many lines end. */
function endOf(bytes: Uint8Array, lines: number): number {
  let end = 0;
  for (let i = 0; i < lines; i++) end = bytes.indexOf(LINE_FEED, end) + 1;
  return end;
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
