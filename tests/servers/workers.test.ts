import { describe, expect, it } from "testing";
import { random } from "../../plugins/viewing/chance.ts";
import { eventually } from "../support/eventually.ts";
import { testKafka } from "../support/kafka_topic.ts";
import {
  Cluster,
  type ClusterOptions,
  own,
  postBatches,
  SESSION_MS,
  statusOf,
  SteadyProducer,
} from "../support/workers.ts";

const SEED = 20130728;
const KILLS = 6;

/** Runs a test on a topic of its own with events flowing in, and ends what it leaves. */
async function onCluster(
  options: ClusterOptions,
  test: (cluster: Cluster, producer: SteadyProducer) => Promise<void>,
): Promise<void> {
  const cluster = await Cluster.open(options);
  const producer = SteadyProducer.start(cluster.topic);
  try {
    await test(cluster, producer);
  } finally {
    await producer.stop();
    await cluster.close();
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until that many more events were sent. */
async function more(producer: SteadyProducer, events: number): Promise<void> {
  const from = producer.sent;
  await eventually("more events", () => producer.sent - from >= events, Boolean, { pauseMs: 50 });
}

describe("three workers on one topic", () => {
  it("kill -9 of one of them, and of all, loses nothing and counts nothing twice", async () => {
    await onCluster({ partitions: 6 }, async (cluster, producer) => {
      const [first] = await cluster.start(3);
      await more(producer, 400);
      await cluster.kill(first);
      // The others take its partitions once its session has passed.
      await cluster.shared();
      for (const worker of [...cluster.workers]) await cluster.kill(worker);
      await more(producer, 400);
      await cluster.start(3);
      await cluster.expectExact(await producer.stop());
      await cluster.stop();
    });
  });

  it(`${KILLS} kills one after the other, most of them in a rebalance, with batch runs everywhere`, async () => {
    await onCluster({ partitions: 5 }, async (cluster, producer) => {
      const chance = random(SEED);
      await cluster.start(3);
      const stop = new AbortController();
      const running = postBatches(cluster, stop.signal);
      for (let kill = 0; kill < KILLS; kill++) {
        await pause(chance() * 2500);
        const { workers } = cluster;
        await cluster.kill(workers[Math.floor(chance() * workers.length)]);
        cluster.spawn();
      }
      await cluster.shared();
      stop.abort();
      // How many there is time for differs from machine to machine.
      expect(await running).toBeGreaterThan(0);
      await cluster.expectExact(await producer.stop());
      await cluster.stop();
    });
  });

  it("one that is stopped past its session, wakes as a zombie and writes, changes nothing", async () => {
    await onCluster({ partitions: 4 }, async (cluster, producer) => {
      const [zombie, other] = await cluster.start(2);
      await more(producer, 200);
      zombie.child.kill("SIGSTOP");
      await eventually(
        "the other to have all partitions",
        async () => own(await statusOf(other)).length,
        (partitions) => partitions === 4,
        { pauseMs: 250 },
      );
      await pause(SESSION_MS / 4);
      await more(producer, 200);
      zombie.child.kill("SIGCONT");
      await cluster.shared();
      await cluster.expectExact(await producer.stop());
      await cluster.stop();
    });
  });

  it("each answers for the whole and waits for what others count; a new partition is noticed", async () => {
    await onCluster({ partitions: 2 }, async (cluster, producer) => {
      const [first, second] = await cluster.start(2);
      await more(producer, 200);
      const admin = testKafka().admin();
      await admin.connect();
      await admin.createPartitions({ topicPartitions: [{ topic: cluster.topic, count: 5 }] });
      await admin.disconnect();
      await eventually(
        "the new partitions",
        async () => (await statusOf(second)).topics[0].partitions.length,
        (partitions) => partitions === 5,
        { pauseMs: 250 },
      );
      await cluster.shared();
      for (const worker of [first, second]) {
        const url = await worker.url();
        const body = [3, 4, 5, 6, 7].map((user) =>
          JSON.stringify({
            event_id: `${url}-${user}`,
            user_id: user,
            movie_id: 1,
            event_type: "view",
            timestamp: new Date().toISOString(),
          }) + "\n"
        ).join("");
        const posted = await fetch(new URL("/api/v1/events", url), {
          method: "POST",
          body,
          headers: { "content-type": "application/x-ndjson" },
        });
        const { frontier } = await posted.json();
        for (const asked of [first, second]) {
          const query = `bucket=all&user_id=3&wait_for=${frontier}`;
          const answer = await fetch(
            new URL(`/api/v1/metrics/user_stats?${query}`, await asked.url()),
          );
          const { rows } = await answer.json();
          expect([answer.status, rows.length]).toEqual([200, 1]);
        }
      }
      await producer.stop();
      await cluster.stop();
    });
  });
});
