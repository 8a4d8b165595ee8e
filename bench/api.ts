/**
 * The API under load: reads at a steady 200 a second, whatever they take, while 20,000 events a
 * second come in, over 10 M events of history. Yardstick: `/healthz` in the same run. Aim: p99 of
 * each read below 50 ms, once the history's tables are merged and after ten seconds to warm up.
 *
 * Run: `deno run -A bench/api.ts [--quick]`
 */
import { line, perSecond, quantile, quick, title } from "./figures.ts";
import { bodies } from "./made_log.ts";
import {
  mebibytes,
  peakBytes,
  processorSeconds,
  secondsSince,
  send,
  sleep,
  startProcess,
  statusOf,
  stopProcess,
  untilArchived,
  untilSettled,
} from "./started_process.ts";

const HISTORY = quick ? 500_000 : 10_000_000;
const SECONDS = quick ? 10 : 60;
/** The first seconds are not counted: code is compiled, and nothing was asked before. */
const WARM_SECONDS = 10;
const READS_PER_SECOND = 200;
const EVENTS_PER_SECOND = 20_000;
const SENDS_PER_SECOND = 10;

const random = (below: number) => Math.floor(Math.random() * below);

/** What is read, in any order: those in turn would always meet the same part of a send. */
const reads: Readonly<Record<string, () => string>> = {
  "healthz": () => "/healthz",
  "top 20 movies of all time": () => "/api/v1/metrics/popular_movies?limit=20",
  "one user's statistics": () => `/api/v1/metrics/user_stats?user_id=${1 + random(1000)}`,
  "one movie's ratings": () => `/api/v1/metrics/ratings?movie_id=${1 + random(200)}`,
  "event types of all time": () => "/api/v1/metrics/hourly_stats",
  "a series of 100 points": () => "/api/v1/metrics/hourly_stats/series?max_points=100",
  "the newest 20 events": () => "/api/v1/events?limit=20",
  "the newest dead letters": () => "/api/v1/dead-letters?limit=20",
  "the newest runs": () => "/api/v1/batch/runs?limit=10",
  "status": () => "/api/v1/status",
};

const data = await Deno.makeTempDir({ prefix: "twofold-bench-" });
const started = await startProcess(data, "--batch-schedule", "*/5 * * * *");
const { url, child: { pid } } = started;
// 10 M events at 20 a second of event time are six days.
for (const body of bodies(HISTORY, 20)) await send(url, body);
await untilArchived(url);
await (await fetch(`${url}/api/v1/batch/runs`, { method: "POST" })).body?.cancel();
await untilSettled(pid);

title(
  `the API, ${HISTORY.toLocaleString("en")} events of history, ${READS_PER_SECOND} reads/s, ` +
    `${EVENTS_PER_SECOND.toLocaleString("en")} events/s`,
);
const took = new Map(Object.keys(reads).map((name) => [name, [] as number[]]));
let failed = 0;
const read = async (name: string) => {
  const fromMs = performance.now();
  const response = await fetch(url + reads[name]());
  await response.arrayBuffer();
  if (!response.ok) failed++;
  if (fromMs >= countedMs) took.get(name)!.push(performance.now() - fromMs);
};

const chunk = [...bodies(EVENTS_PER_SECOND * (WARM_SECONDS + SECONDS), EVENTS_PER_SECOND)];
const lines = chunk.flatMap((body) => linesOf(body, EVENTS_PER_SECOND / SENDS_PER_SECOND));
const cpuBefore = processorSeconds(pid);
const sinceMs = performance.now();
const countedMs = sinceMs + WARM_SECONDS * 1000;
let accepted = 0;
const sending = (async () => {
  for (let i = 0; i < (WARM_SECONDS + SECONDS) * SENDS_PER_SECOND; i++) {
    const waitMs = i * 1000 / SENDS_PER_SECOND - (performance.now() - sinceMs);
    if (waitMs > 0) await sleep(waitMs);
    accepted += (await send(url, lines[i % lines.length])).accepted;
  }
})();
const names = Object.keys(reads);
const underWay: Promise<void>[] = [];
for (let i = 0; i < (WARM_SECONDS + SECONDS) * READS_PER_SECOND; i++) {
  const waitMs = i * 1000 / READS_PER_SECOND - (performance.now() - sinceMs);
  if (waitMs > 1) await sleep(waitMs);
  underWay.push(read(names[random(names.length)]));
}
await Promise.all(underWay);
await sending;
const baseMs = quantile(took.get("healthz")!, 0.5);
for (const [name, ms] of took) {
  const [p50, p99] = [quantile(ms, 0.5), quantile(ms, 0.99)];
  const ratio = `${(p50 / baseMs).toFixed(0)} x healthz`;
  line(name, `p50 ${p50.toFixed(1)} ms`, `p99 ${p99.toFixed(1)} ms`, ratio);
}
const { partitions } = (await statusOf(url)).topics[0];
const lag = partitions.reduce((sum, { lag_records }) => sum + lag_records, 0);
line(
  "reads",
  perSecond(names.length && underWay.length, secondsSince(sinceMs)),
  `${failed} failed`,
);
line("events taken", perSecond(accepted, secondsSince(sinceMs)), `lag ${lag} records`);
const share = (processorSeconds(pid) - cpuBefore) / secondsSince(sinceMs);
line("the process", `${share.toFixed(2)} cores`, `peak ${mebibytes(peakBytes(pid))}`);
await stopProcess(started);
await Deno.remove(data, { recursive: true });

/** A body in parts of so many lines. */
function linesOf(body: Uint8Array<ArrayBuffer>, count: number): Uint8Array<ArrayBuffer>[] {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let [from, seen] = [0, 0];
  for (let at = 0; at < body.length; at++) {
    if (body[at] !== 10 || ++seen < count) continue;
    parts.push(body.slice(from, at + 1));
    [from, seen] = [at + 1, 0];
  }
  return parts;
}
