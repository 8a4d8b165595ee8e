import { describe, expect, it } from "testing";
import { OwnServices } from "../support/own_services.ts";
import { behindProxies } from "../support/server_proxies.ts";
import { Cluster, noProblem, statusOf, SteadyProducer } from "../support/workers.ts";

const PARTITIONS = 3;
/** Longer than several flushes, ticks and looks. */
const FAULT_MS = 4000;
/** What a worker may hold more of after a burst than before it. */
const BURST_BYTES = 400 * 2 ** 20;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("workers whose servers fail", () => {
  it("the Kafka broker is killed and comes back", async () => {
    const own = await OwnServices.start({ only: ["kafka"] });
    const env = own.settings;
    const brokers = env.TWOFOLD_KAFKA_BROKERS;
    const cluster = await Cluster.open({ partitions: PARTITIONS, env });
    const producer = SteadyProducer.start(cluster.topic, { brokers });
    try {
      await cluster.start(2);
      for (let kill = 0; kill < 2; kill++) {
        await pause(2000);
        await own.kill("kafka");
        await pause(FAULT_MS);
        await own.up();
      }
      await pause(2000);
      await cluster.expectExact(await producer.stop());
      await cluster.stop();
    } finally {
      await own.up(); // else the producer would wait forever
      await producer.stop();
      await cluster.close();
      await own.close();
    }
  });

  it("ClickHouse and S3 refuse, hang and cut connections, with poison in every partition", async () => {
    await behindProxies(PARTITIONS, async (cluster, { clickhouse, s3 }) => {
      await cluster.start(2);
      const producer = SteadyProducer.start(cluster.topic);
      await cluster.poison(PARTITIONS);
      for (const mode of ["refuse", "hang", "cut"] as const) {
        clickhouse.become(mode);
        await pause(FAULT_MS);
        clickhouse.become("pass");
        s3.become(mode);
        await pause(FAULT_MS);
        s3.become("pass");
      }
      const events = await producer.stop();
      await cluster.expectExact(events, { deadLetters: PARTITIONS });
      await cluster.stop();
    });
  });

  it("a burst of ten times the rate while ClickHouse is gone stays within bounds of memory", async () => {
    await behindProxies(PARTITIONS, async (cluster, { clickhouse }) => {
      const [worker] = await cluster.start(1);
      const usual = SteadyProducer.start(cluster.topic, { eventsPerSecond: 400, seed: 1 });
      await pause(2000);
      const before = await residentBytes(worker.child.pid);
      clickhouse.become("refuse");
      const burst = SteadyProducer.start(cluster.topic, { eventsPerSecond: 4000, seed: 2 });
      await pause(8000);
      const sent = await burst.stop();
      expect(sent).toBeGreaterThan(10_000);
      const grown = await residentBytes(worker.child.pid) - before;
      console.log(`  ${sent} events in a burst, ${Math.round(grown / 2 ** 20)} MiB more`);
      expect(grown).toBeLessThan(BURST_BYTES);
      const { unreached, topics: [{ partitions }] } = await statusOf(worker);
      expect(unreached.map(({ part }) => part)).toEqual(["warehouse"]);
      expect(partitions.reduce((sum, { lag_records }) => sum + lag_records, 0))
        .toBeGreaterThanOrEqual(sent);
      clickhouse.become("pass");
      const events = sent + await usual.stop();
      await cluster.expectExact(events);
      await noProblem(worker);
      await cluster.stop();
    });
  });
});

/** By a program of its own: this process may not read there. */
async function residentBytes(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/status`] }).output();
  return Number(/VmRSS:\s+(\d+) kB/.exec(new TextDecoder().decode(stdout))![1]) * 1024;
}
