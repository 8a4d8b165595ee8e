/**
 * What live readers cost: events through HTTP, first alone and then with 1,000 readers of ten
 * questions; 100 of them never read. Yardstick: the same events without readers, in the same run.
 * Aim: throughput falls by less than 10 %, memory stays bounded.
 *
 * Run: `deno run -A bench/live.ts [--quick]`
 */
import { line, perSecond, quick, residentBytes, title } from "./figures.ts";
import { bodies } from "./made_log.ts";
import {
  mebibytes,
  processorSeconds,
  secondsSince,
  send,
  sleep,
  startProcess,
  stopProcess,
  untilRead,
} from "./started_process.ts";

const EVENTS = quick ? 500_000 : 3_000_000;
const READERS = 1000;
const NOT_READING = 100;
const questions = [
  "popular_movies?limit=10",
  "popular_movies?limit=50",
  "user_stats?limit=10",
  "user_stats?limit=50",
  "ratings?limit=10",
  "ratings?limit=50",
  "hourly_stats?",
  "hourly_stats?bucket=hour",
  "popular_movies?movie_id=1",
  "user_stats?user_id=1",
].map((text) => text.replace("?", "/live?"));

const data = await Deno.makeTempDir({ prefix: "twofold-bench-" });
const started = await startProcess(data);
const { url, child: { pid } } = started;
const made = [...bodies(2 * EVENTS, 20_000)];

/** Sends events until as many as wanted were taken; what that took. */
async function run(what: string, events: number): Promise<number> {
  const [sinceMs, cpuBefore] = [performance.now(), processorSeconds(pid)];
  let accepted = 0;
  while (accepted < events) accepted += (await send(url, made.shift()!)).accepted;
  await untilRead(url);
  const rate = accepted / secondsSince(sinceMs);
  const cpu = processorSeconds(pid) - cpuBefore;
  const resident = mebibytes(residentBytes(pid));
  line(
    what,
    perSecond(accepted, secondsSince(sinceMs)),
    `${perSecond(accepted, cpu)} cpu`,
    resident,
  );
  return rate;
}

title(`live readers, ${EVENTS.toLocaleString("en")} events through HTTP each`);
await run("warming up", EVENTS / 10);
const alone = await run("no readers", EVENTS * 0.9);

let updates = 0;
const stop = new AbortController();
const opened = Array.from({ length: READERS }, async (_, i) => {
  const path = `/api/v1/metrics/${questions[i % questions.length]}`;
  const response = await fetch(url + path, { signal: stop.signal });
  if (i < NOT_READING) return;
  // The first read tells that it is open; the others go on by themselves.
  const reader = response.body!.getReader();
  await reader.read();
  void (async () => {
    while (!(await reader.read()).done) updates++;
  })().catch(() => {});
});
await Promise.all(opened);
await sleep(2000);
line("memory with readers", mebibytes(residentBytes(pid)));
const sinceMs = performance.now();
updates = 0;
const followed = await run(`${READERS} readers`, EVENTS * 0.9);
line("of the rate alone", `${(followed / alone * 100).toFixed(0)} %`);
line("updates told", perSecond(updates, secondsSince(sinceMs)));
stop.abort();
await sleep(2000);
line("memory afterwards", mebibytes(residentBytes(pid)));
await stopProcess(started);
await Deno.remove(data, { recursive: true });
