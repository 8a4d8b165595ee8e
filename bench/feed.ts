/** Made-up events at a steady rate. */
import { simulate } from "../plugins/viewing/simulator.ts";
import { send, sleep } from "./started_process.ts";

const SENDS_PER_SECOND = 20;

/**
 * Sends so many events per second, each part when it is due, until told to stop.
 *
 * @returns how many it sent; fewer than were due where the process or the machine is too slow.
 */
export async function feed(url: string, perSecond: number, signal: AbortSignal): Promise<number> {
  const fromMs = performance.now();
  let [sent, accepted] = [0, 0];
  for (const body of parts(perSecond / SENDS_PER_SECOND)) {
    const waitMs = fromMs + 1000 * sent++ / SENDS_PER_SECOND - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    if (signal.aborted) return accepted;
    accepted += (await send(url, body)).accepted;
  }
  return accepted;
}

/** NDJSON of so many events each, without an end. */
function* parts(events: number): Generator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  let lines: string[] = [];
  for (const { ndjson } of simulate({ rate: events * SENDS_PER_SECOND, startMs: Date.now() })) {
    lines.push(...ndjson.trimEnd().split("\n"));
    while (lines.length >= events) {
      yield encoder.encode(lines.slice(0, events).join("\n"));
      lines = lines.slice(events);
    }
  }
}
