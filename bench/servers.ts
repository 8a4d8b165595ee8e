/**
 * From Kafka to queryable, on real servers: how many events a second, how fresh the answers are, and
 * how much memory a worker has under load. Yardsticks in the same run: a consumer of kafkajs that
 * only counts, and one that parses JSON. Aims: 80 % of the counting consumer's rate; freshness at
 * 10,000 events/s p99 below 1.5 s; memory that does not grow.
 *
 * Run: `deno task bench:servers [--quick] [throughput|profile|freshness]`, or `deno task bench:servers
 * --minutes N`, which tells the memory of a worker every minute.
 */
import { parseArgs } from "node:util";
import { line, perSecond, quantile, quick, residentBytes, type Spent, title } from "./figures.ts";
import { freshness } from "./freshness.ts";
import { consume } from "./kafka_consumer.ts";
import { type Load, load, SteadyLoad } from "./kafka_load.ts";
import { BenchCluster } from "./server_cluster.ts";
import { mebibytes, peakBytes, processorSeconds, secondsSince, sleep } from "./started_process.ts";

const EVENTS = quick ? 300_000 : 2_000_000;
const WORKERS = [1, 2, 4];
const RATES = [1_000, 10_000, 100_000];
const FRESHNESS_SECONDS = quick ? 10 : 45;
/** Until a worker that has just started goes at its pace. */
const WARM_SECONDS = 5;
const MEMORY_RATE = 10_000;
/** A small one is full before the first minute is over. */
const MEMORY_HORIZON = "65536";
/** What counts events and answers, without what writes the archive. */
const COUNTING = "speed,serve";

const { values: { minutes }, positionals } = parseArgs({
  options: { quick: { type: "boolean" }, minutes: { type: "string" } },
  allowPositionals: true,
});
const wanted = (part: string) => positionals.length === 0 || positionals.includes(part);

/** Counts a load by workers. @returns what it took, and by part the shares of the time if wanted. */
async function count(workers: number, roles: string | null, profiled = false) {
  const cluster = await BenchCluster.open(roles === null ? {} : { TWOFOLD_ROLES: roles });
  try {
    await cluster.start(workers);
    const loaded = await load(cluster.topic, EVENTS);
    const cpu = () =>
      cluster.workers.reduce((sum, { child }) => sum + processorSeconds(child.pid), 0);
    const [first] = cluster.workers;
    if (profiled) await first.tell("profile");
    const [sinceMs, cpuBefore] = [performance.now(), cpu()];
    await loaded.show();
    await cluster.untilQueryable(loaded.events);
    const took = { seconds: secondsSince(sinceMs), cpuSeconds: cpu() - cpuBefore };
    await cluster.expectCounted(loaded.events);
    const peak = Math.max(...cluster.workers.map(({ child }) => peakBytes(child.pid)));
    let shares: Record<string, number> = {};
    if (profiled) {
      await first.tell("shares");
      shares = await first.next<Record<string, number>>();
    }
    return { loaded, took, peak, shares };
  } finally {
    await cluster.close();
  }
}

async function throughput(): Promise<void> {
  title(`Kafka to queryable, 4 plugins, 4 partitions, ${EVENTS.toLocaleString("en")} events`);
  const yardsticks = await BenchCluster.open();
  const loaded = await load(yardsticks.topic, EVENTS);
  await loaded.show();
  const rate = (events: number, { seconds }: Spent) => events / seconds;
  const report = (what: string, { events, bytes }: Load, took: Spent, ...more: string[]) =>
    line(
      what,
      perSecond(events, took.seconds),
      `${perSecond(events, took.cpuSeconds)} cpu`,
      `${(bytes / took.seconds / 1e6).toFixed(0)} MB/s`,
      ...more,
    );
  line("bytes of an event", (loaded.bytes / loaded.events).toFixed(0));
  await consume(yardsticks.topic, loaded.events, () => {}); // warms up
  const bare = await consume(yardsticks.topic, loaded.events, () => {});
  report("kafkajs, counting only", loaded, bare);
  let views = 0;
  const parsing = await consume(yardsticks.topic, loaded.events, ({ value }) => {
    if (JSON.parse(String(value)).event_type === "view") views++;
  });
  if (views === 0) throw new Error("Cannot measure: nothing was parsed");
  report("kafkajs, JSON.parse", loaded, parsing);
  await yardsticks.close();
  const against = (loaded: Load, took: Spent, of: Spent) =>
    `${(rate(loaded.events, took) / rate(loaded.events, of) * 100).toFixed(0)} %`;
  for (const workers of WORKERS) {
    const { loaded, took, peak } = await count(workers, COUNTING);
    const ratios = `${against(loaded, took, bare)} / ${against(loaded, took, parsing)}`;
    report(`${workers} worker${workers > 1 ? "s" : ""}`, loaded, took, ratios, mebibytes(peak));
  }
  const whole = await count(1, null);
  const ratios = `${against(whole.loaded, whole.took, bare)} / ` +
    against(whole.loaded, whole.took, parsing);
  report("1 worker with all roles", whole.loaded, whole.took, ratios, mebibytes(whole.peak));
  console.log("  (aim: 80 % of kafkajs that only counts)");
}

async function profile(): Promise<void> {
  title(`where a worker's time goes, ${EVENTS.toLocaleString("en")} events`);
  const { shares } = await count(1, COUNTING, true);
  for (const [part, share] of Object.entries(shares).sort((a, b) => b[1] - a[1])) {
    line(part, `${(share * 100).toFixed(1)} %`);
  }
}

async function fresh(): Promise<void> {
  title(`produced to visible in the API, one worker with all roles, ${FRESHNESS_SECONDS} s each`);
  for (const wantedRate of RATES) {
    const cluster = await BenchCluster.open();
    try {
      await cluster.start(1);
      const steady = new SteadyLoad(cluster.prefix, wantedRate);
      await freshness(cluster, WARM_SECONDS);
      const ms = await freshness(cluster, FRESHNESS_SECONDS);
      const rate = await steady.stop();
      line(
        `${wantedRate.toLocaleString("en")} events/s`,
        `sent ${perSecond(rate, 1)}`,
        `p50 ${(quantile(ms, 0.5) / 1000).toFixed(2)} s`,
        `p99 ${(quantile(ms, 0.99) / 1000).toFixed(2)} s`,
        `${ms.length} probes`,
      );
    } finally {
      await cluster.close();
    }
  }
  console.log("  (aim: p99 below 1.5 s at 10,000 events/s)");
}

async function memory(count: number): Promise<void> {
  title(`memory of a worker with all roles at ${MEMORY_RATE.toLocaleString("en")} events/s`);
  const cluster = await BenchCluster.open({ TWOFOLD_HORIZON: MEMORY_HORIZON });
  try {
    await cluster.start(1);
    const [{ child }] = cluster.workers;
    line("at rest", mebibytes(residentBytes(child.pid)));
    const steady = new SteadyLoad(cluster.prefix, MEMORY_RATE);
    for (let minute = 1; minute <= count; minute++) {
      await sleep(60_000);
      line(`after minute ${minute}`, mebibytes(residentBytes(child.pid)));
    }
    line("sent", perSecond(await steady.stop(), 1));
    line("at peak", mebibytes(peakBytes(child.pid)));
  } finally {
    await cluster.close();
  }
}

if (minutes !== undefined) {
  await memory(Number(minutes));
} else {
  if (wanted("throughput")) await throughput();
  if (wanted("profile")) await profile();
  if (wanted("freshness")) await fresh();
}
Deno.exit(0);
