import { describe, expect, it } from "testing";
import type { Status } from "../../runtime/ports/services.ts";
import type { RunningProcess } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { ServerProxies } from "../support/server_proxies.ts";
import { Cluster, statusOf, SteadyProducer } from "../support/workers.ts";

/** Longer than the time-outs of all clients, of which ClickHouse's is the longest: 120 s. */
const CUT_MS = 125_000;
/** What was left has to be archived first. */
const READY_MS = 180_000;
/** Prometheus waits so long for its answer. */
const SCRAPE_MS = 10_000;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What a process answers to those who watch it. */
async function watched(worker: RunningProcess) {
  const url = await worker.url();
  const ask = async (path: string) => {
    const answer = await fetch(new URL(path, url), { signal: AbortSignal.timeout(SCRAPE_MS) });
    return { status: answer.status, text: await answer.text() };
  };
  const [status, metrics, ready] = await Promise.all(
    ["/api/v1/status", "/metrics", "/readyz"].map(ask),
  );
  return { status: JSON.parse(status.text) as Status, metrics, ready };
}

/** Waits until a process tells that it does not reach one part, and says so everywhere. */
async function tellsOf(worker: RunningProcess, part: string): Promise<void> {
  const { status, metrics, ready } = await eventually(
    `${part} not to be reached`,
    () => watched(worker),
    ({ status, metrics, ready }) =>
      status.unreached.map((each) => each.part).join() === part && !status.ready &&
      ready.status === 503 &&
      metrics.text.includes(`twofold_part_reached{part="${part}"} 0`),
  );
  expect(Date.parse(status.unreached[0].since)).toBeLessThanOrEqual(Date.now());
  expect([status.ready, metrics.status, ready.status]).toEqual([false, 200, 503]);
  expect(status.problems.map(({ code, subject }) => `${code} ${subject}`))
    .toContain(`part_unreached ${part}`);
  expect(status.topics[0].partitions.map(({ log_end }) => Number(log_end) > 0))
    .toEqual([true, true, true]);
}

describe("workers whose network is cut", () => {
  it("each from another server for longer than all time-outs: all tell which, none loses an event", async () => {
    const proxies = [new ServerProxies(), new ServerProxies(), new ServerProxies()];
    const cluster = await Cluster.open({ partitions: 3 });
    const producer = SteadyProducer.start(cluster.topic, { eventsPerSecond: 100 });
    try {
      const workers = proxies.map(({ env }) => cluster.spawn(env));
      await cluster.shared();
      await pause(2000);
      const cut = [proxies[0].kafka, proxies[1].s3, proxies[2].clickhouse];
      const cutMs = Date.now();
      for (const proxy of cut) proxy.become("hang");
      await Promise.all(
        ["log", "archive", "warehouse"].map((part, i) => tellsOf(workers[i], part)),
      );
      await pause(CUT_MS - (Date.now() - cutMs));
      for (const proxy of cut) proxy.become("pass");
      for (const worker of workers) {
        await eventually(
          "all to be ready again",
          () => watched(worker),
          ({ ready }) => ready.status === 200,
          { deadlineMs: READY_MS },
        );
      }
      await cluster.expectExact(await producer.stop());
      await cluster.stop();
    } finally {
      await producer.stop();
      await cluster.close();
      for (const each of proxies) each.close();
    }
  });
});

describe("workers that are told to end", () => {
  it("all of them, under load: each ends within 10 s and has flushed all that it had read", async () => {
    // After the first flush the next would be due in a minute: what is there at the end came by it.
    const env = { TWOFOLD_FLUSH_INTERVAL: "60s" };
    const cluster = await Cluster.open({ partitions: 4, env });
    const producer = SteadyProducer.start(cluster.topic, { eventsPerSecond: 2000 });
    try {
      const workers = await cluster.start(3);
      const read = await eventually(
        "events that are read and not flushed",
        async () => await Promise.all(workers.map(statusOf)).then((all) => all.flatMap(unflushed)),
        (partitions) => partitions.length === 4 && partitions.every(({ left }) => left > 500),
        { pauseMs: 250 },
      );
      await cluster.stop();
      const events = await producer.stop();
      // It reads nothing: what it tells is what the tables say.
      const observer = cluster.spawn({ TWOFOLD_ROLES: "serve" });
      const { topics: [{ partitions }] } = await statusOf(observer);
      for (const { partition, events } of read) {
        expect([partition, partitions[partition].own]).toEqual([partition, false]);
        expect(partitions[partition].events).toBeGreaterThanOrEqual(events);
      }
      await cluster.kill(observer);
      for (let i = 0; i < 2; i++) cluster.spawn({ TWOFOLD_FLUSH_INTERVAL: "100ms" });
      await cluster.shared();
      await cluster.expectExact(events);
      await cluster.stop();
    } finally {
      await producer.stop();
      await cluster.close();
    }
  });
});

/** Of the partitions that a process reads: the events that it has read, and those that no table has. */
function unflushed({ topics: [{ partitions }] }: Status) {
  return partitions.filter((each) => each.own).map((each) => ({
    partition: each.partition,
    events: each.events,
    left: each.events + each.repeats - Number(each.speed_frontier),
  }));
}
