/**
 * Anonymous memory of the whole process: at rest (the yardstick), minute by minute at 2,000 events
 * per second, and the most while 2 million events arrive over HTTP.
 *
 * Run: `deno run -A bench/memory.ts [--quick] [--minutes=N]`
 */
import { parseArgs } from "node:util";
import { feed } from "./feed.ts";
import { line, perSecond, quick, title } from "./figures.ts";
import { bodies } from "./made_log.ts";
import {
  anonymousBytes,
  mebibytes,
  secondsSince,
  send,
  sleep,
  startProcess,
  stopProcess,
  untilArchived,
  untilRead,
} from "./started_process.ts";

const { values: { minutes } } = parseArgs({
  options: {
    minutes: { type: "string", default: quick ? "1" : "10" },
    quick: { type: "boolean" },
  },
});
const EVENTS = quick ? 300_000 : 2_000_000;
const RATE = 20_000;
const REST_MS = 15_000;
const LOOK_MS = 50;

const data = await Deno.makeTempDir({ prefix: "twofold-bench-" });
const started = await startProcess(data);
const { url, child: { pid } } = started;

/** Does a piece of work. @returns the most anonymous memory meanwhile, in bytes. */
async function mostDuring(work: () => Promise<unknown>): Promise<number> {
  let working = true;
  let most = 0;
  const done = work().finally(() => working = false);
  while (working) {
    most = Math.max(most, anonymousBytes(pid));
    await sleep(LOOK_MS);
  }
  await done;
  return most;
}

title(`anonymous memory, ${minutes} min of 2,000 events/s, ${EVENTS.toLocaleString("en")} at once`);
await sleep(REST_MS);
const rest = anonymousBytes(pid);
const report = (what: string, bytes: number) =>
  line(what, mebibytes(bytes), `${(bytes / rest).toFixed(1)} ×`);
report("at rest (yardstick; aim 300 MiB)", rest);

const stop = new AbortController();
const feeding = feed(url, 2000, stop.signal);
for (let minute = 1; minute <= Number(minutes); minute++) {
  const most = await mostDuring(() => sleep(60_000));
  report(`2,000 events/s, minute ${minute}`, most);
}
stop.abort();
line("reached", perSecond(await feeding, 60 * Number(minutes)));

const made = [...bodies(EVENTS, RATE)];
report(
  "over HTTP, peak (aim 600 MiB)",
  await mostDuring(async () => {
    const sinceMs = performance.now();
    for (const body of made) await send(url, body);
    line("acknowledged over HTTP", perSecond(EVENTS, secondsSince(sinceMs)));
    await untilRead(url);
    await untilArchived(url);
  }),
);
await sleep(REST_MS);
report("afterwards", anonymousBytes(pid));
await stopProcess(started);
await Deno.remove(data, { recursive: true });
