import { Partitioners } from "kafkajs";
import { describe, expect, it } from "testing";
import { eventually } from "../support/eventually.ts";
import { testKafka } from "../support/kafka_topic.ts";
import { type MovieEvent, movieEvents, take } from "../support/movie_events.ts";
import { eventsIn, expectParity } from "../support/parity_of_layers.ts";
import { RunningEngine } from "../support/running_engine.ts";
import { allServerSettings } from "../support/server_settings.ts";

const TOPIC = "movie-viewing-events";
const around = { aroundMs: Date.UTC(2026, 0, 5, 20), lateDays: 3 };

/** Sends events as other people's programs do, the same user always to the same partition. */
async function produce(topic: string, events: readonly (MovieEvent | string)[]): Promise<void> {
  const producer = testKafka().producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const messages = events.map((event) =>
    typeof event === "string"
      ? { key: "1", value: event }
      : { key: String(event.user_id), value: JSON.stringify(event) }
  );
  await producer.send({ topic, messages });
  await producer.disconnect();
}

/** Waits until the speed layer has read all that the log holds. */
async function caughtUp(engine: RunningEngine, records: number): Promise<void> {
  await eventually("the speed layer", () => engine.status(), ({ topics: [{ partitions }] }) => {
    const end = partitions.reduce((sum, { log_end }) => sum + Number(log_end), 0);
    return end >= records && partitions.every(({ lag_records }) => lag_records === 0);
  }, { pauseMs: 200 });
}

describe("Twofold over Kafka, S3 and ClickHouse's HTTP interface", () => {
  it("events of HTTP and of a Kafka producer are answered alike by both layers, over a restart", async () => {
    const dir = await Deno.makeTempDir();
    const unique = crypto.randomUUID().slice(0, 8);
    const env = {
      ...allServerSettings(),
      TWOFOLD_KAFKA_PREFIX: `e2e-${unique}.`,
      TWOFOLD_S3_PREFIX: `e2e/${unique}`,
      TWOFOLD_CLICKHOUSE_DATABASE: `e2e_${unique}`,
    };
    const kafkaTopic = env.TWOFOLD_KAFKA_PREFIX + TOPIC;
    const posted = take(movieEvents({ seed: 1, firstUser: 1000, ...around }), 600);
    const produced = take(movieEvents({ seed: 2, firstUser: 2000, ...around }), 600);

    let engine = await RunningEngine.open({ dir, env });
    await engine.post(posted);
    await produce(kafkaTopic, produced);
    await produce(kafkaTopic, ["no event", ...produced.slice(0, 50)]);
    await caughtUp(engine, 1251);
    expect(await eventsIn(engine, "merged")).toBe(1200);
    await engine.batch();
    const { plugins } = await engine.status();
    expect(plugins.filter(({ drift }) => drift !== 0)).toEqual([]);
    await expectParity(engine);
    expect(await eventsIn(engine, "batch")).toBe(1200);

    // With a cut in the middle: the rest is the speed layer's.
    await produce(kafkaTopic, take(movieEvents({ seed: 3, firstUser: 3000, ...around }), 100));
    await caughtUp(engine, 1351);
    expect([await eventsIn(engine, "merged"), await eventsIn(engine, "batch")]).toEqual([
      1300,
      1200,
    ]);
    await engine.close();

    engine = await RunningEngine.open({ dir, env });
    await engine.post(take(movieEvents({ seed: 4, firstUser: 4000, ...around }), 100));
    await caughtUp(engine, 1451);
    expect(await eventsIn(engine, "merged")).toBe(1400);
    await engine.batch({ full: true });
    await expectParity(engine);
    expect(await eventsIn(engine, "batch")).toBe(1400);
    const [{ partitions, log }] = (await engine.status()).topics;
    expect(log).toMatch(/^local-[0-9a-f]{32}$/);
    const sums = partitions.reduce(
      (sum, each) => [sum[0] + each.repeats, sum[1] + each.dead_letters],
      [0, 0],
    );
    expect(sums).toEqual([50, 1]);
    // A broker that has just made a group's topic may say that it is not its coordinator yet.
    expect(engine.faults.filter((fault) => !/NOT_COORDINATOR/.test(fault))).toEqual([]);
    await engine.close();
    await Deno.remove(dir, { recursive: true });
  });
});
