/**
 * Making events up, against `JSON.stringify` of the same events, which were objects before. Both on
 * one core, into bytes.
 *
 * Run: `deno run -A bench/produce.ts [--quick]`
 */
import { simulate } from "../runtime/sources/simulator.ts";
import { line, medianOf, perSecond, quick, spent, title } from "./figures.ts";

const EVENTS = quick ? 200_000 : 1_000_000;
const ROUNDS = quick ? 3 : 5;
const startMs = Date.UTC(2026, 0, 1);

/** Makes events and leaves them; returns how many, and how many bytes. */
function make(rate: number | null): { events: number; sizeBytes: number } {
  let [events, sizeBytes] = [0, 0];
  for (const chunk of simulate({ rate, startMs })) {
    events += chunk.events;
    sizeBytes += chunk.bytes.length;
    if (events >= EVENTS) break;
  }
  return { events, sizeBytes };
}

async function rounds(action: () => number): Promise<number> {
  const each = [];
  let events = 0;
  for (let round = 0; round < ROUNDS; round++) each.push(await spent(() => events = action()));
  return events / medianOf(each).seconds;
}

title(`made-up events, ${EVENTS.toLocaleString("en")} of them, against JSON.stringify`);
const objects: unknown[] = [];
for (const { bytes } of simulate({ rate: null, startMs })) {
  const lines = new TextDecoder().decode(bytes).trimEnd().split("\n");
  for (const text of lines) objects.push(JSON.parse(text));
  if (objects.length >= EVENTS) break;
}
const encoder = new TextEncoder();
const yardstick = await rounds(() => {
  let sizeBytes = 0;
  for (const event of objects) sizeBytes += encoder.encode(JSON.stringify(event) + "\n").length;
  if (sizeBytes === 0) throw new Error("Cannot measure: nothing was written");
  return objects.length;
});
const told = (rate: number) => [perSecond(rate, 1), `${(rate / yardstick).toFixed(2)} x`] as const;
line("JSON.stringify (yardstick)", perSecond(yardstick, 1));
line("by day and week (floor 100,000 /s)", ...told(await rounds(() => make(null).events)));
line("at a rate of 100,000 /s", ...told(await rounds(() => make(100_000).events)));
const { events, sizeBytes } = make(null);
line("bytes of an event", (sizeBytes / events).toFixed(0));
