/**
 * What little traffic costs: processor time by kind of thread, anonymous memory and bytes written per
 * event, without events, at 200 and at 2,000 events per second with nobody reading, and at 200 with the
 * overview open, which asks for its data a second after each answer. Yardstick: the process without
 * events, in the same run.
 *
 * Run: `deno run -A bench/idle.ts [--quick]`
 */
import { feed } from "./feed.ts";
import { line, quick, title } from "./figures.ts";
import {
  anonymousBytes,
  mebibytes,
  processorSeconds,
  sleep,
  startProcess,
  stopProcess,
} from "./started_process.ts";

const PHASE_MS = quick ? 20_000 : 120_000;
const SETTLING_MS = quick ? 5_000 : 20_000;
const OVERVIEW_MS = 1000;

const data = await Deno.makeTempDir({ prefix: "twofold-bench-" });
const started = await startProcess(data);
const { url, child: { pid } } = started;

/** Reads what the open overview shows, until told to stop. */
async function readOverview(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const response = await fetch(`${url}/overview.json`, { signal });
    await response.text();
    await sleep(OVERVIEW_MS);
  }
}

/** Processor seconds by kind of thread. */
function secondsByThread(): Map<string, number> {
  const found = new Map<string, number>();
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    try {
      const stat = Deno.readTextFileSync(`/proc/${pid}/task/${name}/stat`);
      const kind = Number(name) === pid ? "event loop" : /\((.*)\)/.exec(stat)![1];
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const seconds = (Number(fields[11]) + Number(fields[12])) / 100;
      found.set(kind, (found.get(kind) ?? 0) + seconds);
    } catch {
      // The thread has ended.
    }
  }
  return found;
}

const numberOf = (file: string, name: string) =>
  Number(new RegExp(`${name}:\\s+(\\d+)`).exec(Deno.readTextFileSync(`/proc/${pid}/${file}`))![1]);

/** Measures a phase. @returns the cores that were used. */
async function phase(what: string, perSecond: number, isRead = false) {
  const stop = new AbortController();
  const reading = isRead ? readOverview(stop.signal).catch(() => {}) : undefined;
  const feeding = perSecond === 0 ? undefined : feed(url, perSecond, stop.signal);
  await sleep(SETTLING_MS);
  const [cpu, written, threads] = [
    processorSeconds(pid),
    numberOf("io", "write_bytes"),
    secondsByThread(),
  ];
  await sleep(PHASE_MS);
  const cores = (processorSeconds(pid) - cpu) / (PHASE_MS / 1000);
  const bytes = numberOf("io", "write_bytes") - written;
  const spent = [...secondsByThread()]
    .map(([kind, seconds]) => ({
      kind,
      cores: (seconds - (threads.get(kind) ?? 0)) / (PHASE_MS / 1000),
    }))
    .sort((a, b) => b.cores - a.cores).slice(0, 5);
  stop.abort();
  await Promise.all([feeding, reading]);
  const perEvent = perSecond === 0 ? "" : `${Math.round(bytes / perSecond / (PHASE_MS / 1000))} B`;
  const anonymous = mebibytes(anonymousBytes(pid));
  line(what, `${cores.toFixed(3)} cores`, anonymous, perEvent);
  line("", ...spent.map((each) => `${each.kind} ${each.cores.toFixed(3)}`));
  return cores;
}

title(`little traffic, ${PHASE_MS / 1000} s each: cores, anonymous memory, written per event`);
const rest = await phase("no events (yardstick)", 0);
const least = await phase("200 events/s", 200);
const followed = await phase("200 events/s, one dashboard", 200, true);
const more = await phase("2,000 events/s", 2000);
const times = (cores: number) => `${(cores / rest).toFixed(1)} ×`;
line("of no events", times(least), times(followed), times(more));
await stopProcess(started);
await Deno.remove(data, { recursive: true });
