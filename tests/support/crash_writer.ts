/**
 * A process to be killed: appends to a log without end and prints a line for every acknowledged
 * append: `partition nextOffset firstSequence count`. Arguments: path, first sequence number, seed.
 */
import { systemClock } from "../../runtime/std/clock.ts";
import { AppendBuffer } from "../../runtime/log/append_buffer.ts";
import { openSqliteLog } from "../../runtime/log/sqlite_log.ts";
import { crashValue } from "./crash_value.ts";

const [path, firstSequence, seed] = Deno.args;
const log = openSqliteLog({ path, topic: "crash", partitions: 2, clock: systemClock });
const encoder = new TextEncoder();
let sequence = Number(firstSequence);
let state = Number(seed) >>> 0;

function random(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor(state / 2 ** 32 * below);
}

async function appendSome(): Promise<void> {
  const buffer = new AppendBuffer();
  const first = sequence, key = `key-${random(8)}`;
  const count = random(10) === 0 ? 1 + random(20_000) : 1 + random(20);
  for (let i = 0; i < count; i++) buffer.add(key, encoder.encode(crashValue(sequence++)));
  const frontier = await log.append(buffer);
  const partition = frontier.findIndex((next) => next > 0n);
  Deno.stdout.writeSync(encoder.encode(`${partition} ${frontier[partition]} ${first} ${count}\n`));
}

for (;;) {
  await Promise.all(Array.from({ length: 1 + random(4) }, appendSome));
  if (random(5) === 0) await log.appendTick(random(2));
}
