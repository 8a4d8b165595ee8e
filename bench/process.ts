/**
 * The whole process, from outside: `main.ts start` on an empty folder, its time to ready, its memory
 * at rest and at peak, and events through HTTP until all plugins have counted them and until they
 * are archived. Yardstick: the speed layer without HTTP and archive (bench/speed.ts).
 *
 * Run: `deno run -A bench/process.ts [--quick]`
 */
import { line, perSecond, quantile, quick, residentBytes, title } from "./figures.ts";
import { bodies } from "./made_log.ts";
import {
  mebibytes,
  peakBytes,
  processorSeconds,
  secondsSince,
  send,
  sleep,
  startProcess,
  stopProcess,
  untilArchived,
  untilRead,
} from "./started_process.ts";

const EVENTS = quick ? 300_000 : 2_000_000;
const RATE = 20_000;
const STARTS = quick ? 1 : 3;
const REST_MS = 5_000;

const data = await Deno.makeTempDir({ prefix: "twofold-bench-" });
title(`the process, ${EVENTS.toLocaleString("en")} events through HTTP`);
const ready: number[] = [];
for (let i = 1; i < STARTS; i++) {
  const started = await startProcess(data);
  ready.push(started.readySeconds);
  await stopProcess(started);
}
const started = await startProcess(data);
const { child: { pid }, url, readySeconds } = started;
ready.push(readySeconds);
line("start to ready (aim 2 s)", `${quantile(ready, 0.5).toFixed(2)} s`);
await sleep(REST_MS);
line("memory at rest (aim 600 MB)", mebibytes(residentBytes(pid)));

const made = [...bodies(EVENTS, RATE)];
const cpuBefore = processorSeconds(pid);
const sinceMs = performance.now();
let accepted = 0;
let frontier = "";
for (const body of made) {
  const answer = await send(url, body);
  accepted += answer.accepted;
  frontier = answer.frontier;
}
line("acknowledged", perSecond(accepted, secondsSince(sinceMs)));
await untilRead(url);
for (const name of ["user_stats", "popular_movies", "ratings", "hourly_stats"]) {
  const query = `layer=merged&bucket=all&limit=1&wait_for=${encodeURIComponent(frontier)}`;
  await (await fetch(`${url}/api/v1/metrics/${name}?${query}`)).body?.cancel();
}
const cpu = () => processorSeconds(pid) - cpuBefore;
const report = (what: string) =>
  line(what, perSecond(accepted, secondsSince(sinceMs)), `${perSecond(accepted, cpu())} cpu`);
report("queryable");
await untilArchived(url);
report("archived");
line("memory at peak", mebibytes(peakBytes(pid)));
await sleep(REST_MS);
line("memory at rest, afterwards", mebibytes(residentBytes(pid)));
await stopProcess(started);
await Deno.remove(data, { recursive: true });
