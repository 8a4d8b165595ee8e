import { join } from "node:path";
import { describe, expect, it } from "testing";
import { eventually } from "../support/eventually.ts";
import { OwnServices, type ServiceName } from "../support/own_services.ts";
import { SmallDisk } from "../support/small_disk.ts";
import { Cluster, statusOf, SteadyProducer } from "../support/workers.ts";

const PARTITIONS = 3;
const MIB = 2 ** 20;
/** Longer than several flushes, ticks and looks. */
const FAULT_MS = 4000;
/** On a busy machine a server takes its time to end, and a worker to come back to it. */
const SLOW = { deadlineMs: 120_000, pauseMs: 250 };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What a test gets. */
interface World {
  readonly disk: SmallDisk;
  readonly own: OwnServices;
  readonly cluster: Cluster;
  readonly producer: SteadyProducer;
}

/** Two workers and a producer, with the data of one server on a disk that may run full. */
async function onSmallDisk(
  name: ServiceName,
  sizeBytes: number,
  test: (world: World) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "twofold-small-disk-" });
  const data = join(dir, `${name}-data`);
  await Deno.mkdir(data);
  const disk = await SmallDisk.mount(data, sizeBytes);
  const own = await OwnServices.start({ only: [name], within: disk.within, dir });
  const env = own.settings;
  const cluster = await Cluster.open({ partitions: PARTITIONS, env });
  const producer = SteadyProducer.start(cluster.topic, { brokers: env.TWOFOLD_KAFKA_BROKERS });
  try {
    await cluster.start(2);
    await pause(FAULT_MS);
    await test({ disk, own, cluster, producer });
  } finally {
    await disk.free();
    await own.up(); // else the producer would wait forever
    await producer.stop();
    await cluster.close();
    await own.close();
    await disk.close();
  }
}

const problemsOf = async ({ workers }: Cluster) =>
  (await Promise.all(workers.map(async (worker) => (await statusOf(worker)).problems))).flat();
const countedBy = async ({ workers: [worker] }: Cluster) =>
  (await statusOf(worker)).topics[0].partitions.reduce((sum, { events }) => sum + events, 0);

describe("workers of servers whose disk is full", () => {
  it("MinIO refuses while its disk is full: events are counted, and archived once there is room", async () => {
    await onSmallDisk("minio", 64 * MIB, async ({ disk, cluster, producer }) => {
      await disk.fill();
      await eventually(
        "a worker to tell that the store is full",
        () => problemsOf(cluster),
        (problems) => problems.some((problem) => problem.message.includes("XMinioStorageFull")),
        SLOW,
      );
      const before = await countedBy(cluster);
      await eventually("events to be counted", () => countedBy(cluster), (n) => n > before, SLOW);
      await pause(FAULT_MS);
      await disk.free();
      await pause(FAULT_MS);
      await cluster.expectExact(await producer.stop());
      expect(await eventually("no problem", () => problemsOf(cluster), (all) => all.length === 0))
        .toEqual([]);
      await cluster.stop();
    });
  });

  it("Kafka ends when its disk is full: what it acknowledged is counted once it runs again", async () => {
    await onSmallDisk("kafka", 256 * MIB, async ({ disk, own, cluster, producer }) => {
      expect(await own.run()).toBe(true);
      await disk.fill();
      await eventually("the broker to end", () => own.run(), (runs) => !runs, SLOW);
      await pause(FAULT_MS);
      const before = producer.sent;
      expect(before).toBeGreaterThan(0);
      await disk.free();
      await own.up();
      await eventually("events to be taken", () => producer.sent > before, Boolean, SLOW);
      await pause(FAULT_MS);
      await cluster.expectExact(await producer.stop());
      await cluster.stop();
    });
  });
});
