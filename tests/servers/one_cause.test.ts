import { describe, expect, it } from "testing";
import type { Status } from "../../runtime/ports/services.ts";
import { eventually } from "../support/eventually.ts";
import { behindProxies, type ServerProxies } from "../support/server_proxies.ts";
import { type Cluster, statusOf, SteadyProducer } from "../support/workers.ts";

/** Longer than several flushes, ticks and looks. */
const FAULT_MS = 15_000;
const LOOK_MS = 500;
/** On a busy machine a worker takes its time to come back to a server. */
const SLOW = { deadlineMs: 120_000, pauseMs: LOOK_MS };

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const named = ({ problems }: Status) => problems.map(({ code, subject }) => `${code} ${subject}`);

/** Fails one server for a while, under load, with full batch runs asked for. */
async function failing(
  { workers: [worker] }: Cluster,
  proxies: ServerProxies,
  server: "kafka" | "s3" | "clickhouse",
): Promise<Status[]> {
  const runs = new URL("/api/v1/batch/runs?full=true", await worker.url());
  const looks: Status[] = [];
  proxies[server].become("refuse");
  for (const untilMs = Date.now() + FAULT_MS; Date.now() < untilMs;) {
    fetch(runs, { method: "POST" }).then((answer) => answer.body?.cancel(), () => {});
    looks.push(await statusOf(worker));
    await pause(LOOK_MS);
  }
  proxies[server].become("pass");
  return looks;
}

describe("a worker one of whose servers fails", () => {
  it.each<["clickhouse" | "s3" | "kafka", string]>([
    ["clickhouse", "warehouse"],
    ["s3", "archive"],
    ["kafka", "log"],
  ])("has one problem while %s refuses, and none afterwards", async (server, part) => {
    await behindProxies(2, async (cluster, proxies) => {
      const [worker] = await cluster.start(1);
      const producer = SteadyProducer.start(cluster.topic, { eventsPerSecond: 50 });
      try {
        await eventually(
          "events to be counted",
          () => statusOf(worker),
          ({ topics, problems }) =>
            problems.length === 0 && topics[0].partitions.every(({ events }) => events > 0),
          SLOW,
        );
        const looks = await failing(cluster, proxies, server);
        expect([...new Set(looks.flatMap(named))]).toEqual([`part_unreached ${part}`]);
        const affected = looks.flatMap(({ problems }) =>
          problems.flatMap(({ affects = [] }) => affects)
        );
        expect(affected.length).toBeGreaterThan(0);
        await eventually(
          "no problem",
          () => statusOf(worker),
          (all) => named(all).length === 0,
          SLOW,
        );
      } finally {
        await producer.stop();
      }
    });
  });
});
