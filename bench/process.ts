/**
 * The whole process, from outside: `main.ts start` on an empty folder, its time to ready, its memory
 * at rest and at peak, and events through HTTP until all plugins have counted them and until they
 * are archived. Yardstick: the speed layer without HTTP and archive (bench/speed.ts).
 *
 * Run: `deno run -A bench/process.ts [--quick]`
 */
import { join } from "node:path";
import type { Status } from "../runtime/services.ts";
import { line, perSecond, quantile, quick, residentBytes, title } from "./figures.ts";
import { bodies, root } from "./made_log.ts";

const EVENTS = quick ? 300_000 : 2_000_000;
const RATE = 20_000;
const STARTS = quick ? 1 : 3;
const REST_MS = 5_000;

const data = await Deno.makeTempDir({ prefix: "twofold-bench-" });
const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
const seconds = (sinceMs: number) => (performance.now() - sinceMs) / 1000;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The most memory that a process had resident. */
function peakBytes(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmHWM:\s+(\d+)/.exec(text)![1]) * 1024;
}

function processorSeconds(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Starts a process and waits until it says that it is ready. */
async function start(): Promise<{ child: Deno.ChildProcess; url: string; readySeconds: number }> {
  const sinceMs = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(root, "main.ts"), "start", "--data", data, "--port", "0"],
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  for (;;) {
    await sleep(20);
    try {
      const { pid, url } = JSON.parse(await Deno.readTextFile(join(data, "owner.json")));
      if (pid !== child.pid || !(await fetch(`${url}/readyz`)).ok) continue;
      return { child, url, readySeconds: seconds(sinceMs) };
    } catch {
      // Not yet.
    }
  }
}

async function statusOf(url: string): Promise<Status> {
  return await (await fetch(`${url}/api/v1/status`)).json();
}

title(`the process, ${EVENTS.toLocaleString("en")} events through HTTP`);
const ready: number[] = [];
for (let i = 1; i < STARTS; i++) {
  const { child, readySeconds } = await start();
  ready.push(readySeconds);
  child.kill("SIGTERM");
  await child.status;
}
const { child, url, readySeconds } = await start();
ready.push(readySeconds);
line("start to ready (aim 2 s)", `${quantile(ready, 0.5).toFixed(2)} s`);
await sleep(REST_MS);
line("memory at rest (aim 600 MB)", mebibytes(residentBytes(child.pid)));

const made = [...bodies(EVENTS, RATE)];
const cpuBefore = processorSeconds(child.pid);
const sinceMs = performance.now();
let accepted = 0;
let frontier = "";
for (const body of made) {
  const headers = { "content-type": "application/x-ndjson" };
  const response = await fetch(`${url}/api/v1/events`, { method: "POST", headers, body });
  const answer = await response.json();
  accepted += answer.accepted;
  frontier = answer.frontier;
}
line("acknowledged", perSecond(accepted, seconds(sinceMs)));
const lag = async () => (await statusOf(url)).topics[0].partitions;
for (;;) {
  const partitions = await lag();
  if (partitions.every(({ lag_records }) => lag_records === 0)) break;
  await sleep(100);
}
for (const name of ["user_stats", "popular_movies", "ratings", "hourly_stats"]) {
  const query = `layer=merged&bucket=all&limit=1&wait_for=${encodeURIComponent(frontier)}`;
  await (await fetch(`${url}/api/v1/metrics/${name}?${query}`)).body?.cancel();
}
const cpu = () => processorSeconds(child.pid) - cpuBefore;
line("queryable", perSecond(accepted, seconds(sinceMs)), `${perSecond(accepted, cpu())} cpu`);
for (;;) {
  const partitions = await lag();
  // What lies in open blocks waits for its block's end.
  const open = partitions.map((p) => Number(p.log_end) - Number(p.archived));
  if (open.every((records) => records < 65_536)) break;
  await sleep(100);
}
line("archived", perSecond(accepted, seconds(sinceMs)), `${perSecond(accepted, cpu())} cpu`);
line("memory at peak", mebibytes(peakBytes(child.pid)));
await sleep(REST_MS);
line("memory at rest, afterwards", mebibytes(residentBytes(child.pid)));
child.kill("SIGTERM");
await child.status;
await Deno.remove(data, { recursive: true });
