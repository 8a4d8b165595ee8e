import { Partitioners } from "kafkajs";
import { describe, expect, it } from "testing";
import type { Check } from "../../runtime/ports/check.ts";
import { runCommand } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { testKafka } from "../support/kafka_topic.ts";
import { type MovieEvent, movieEvents, take } from "../support/movie_events.ts";
import { answersOf, eventsIn, expectParity } from "../support/parity_of_layers.ts";
import { RunningEngine } from "../support/running_engine.ts";
import { allServerSettings } from "../support/server_settings.ts";

const TOPIC = "movie-viewing-events";
const around = { aroundMs: Date.UTC(2026, 0, 5, 20), lateDays: 3 };
const READ_FROM_ARCHIVE = /no longer holds offsets .* they are read from the archive/;

/** Sends records as other people's programs do, the same user always to the same partition. */
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

/** Lets the broker remove what lies below `offsets`, by partition, as its retention does. */
async function removeBelow(topic: string, offsets: readonly string[]): Promise<void> {
  const admin = testKafka().admin();
  await admin.connect();
  await admin.fetchTopicMetadata({ topics: [topic] }); // which kafkajs needs for the next
  const partitions = offsets.map((offset, partition) => ({ partition, offset }));
  await admin.deleteTopicRecords({ topic, partitions });
  await admin.disconnect();
}

/** What doctor finds of the topic's beginning. */
async function beginning(dir: string, env: Readonly<Record<string, string>>): Promise<Check> {
  const { out } = await runCommand(["doctor", "--json", "--data", dir, "--port", "0"], env);
  const { checks } = JSON.parse(out) as { checks: Check[] };
  return checks.find(({ check }) => check === "beginning")!;
}

/** The state of every partition of the one topic. */
async function partitionsOf(engine: RunningEngine) {
  return (await engine.status()).topics[0].partitions;
}

/** Waits until all blocks are archived, by an engine that computes no windows. */
async function archivedAll(engine: RunningEngine): Promise<string[]> {
  const partitions = await eventually(
    "all blocks archived",
    () => partitionsOf(engine),
    (all) => all.every(({ archived, log_end }) => archived === log_end),
    { deadlineMs: 180_000, pauseMs: 250 },
  );
  return partitions.map(({ archived }) => String(archived));
}

describe("a topic that is older than Twofold, and whose broker has removed records", () => {
  it("is refused as lost, and told to skip counts all that is left, once and in both layers", async () => {
    const dir = await Deno.makeTempDir();
    const unique = crypto.randomUUID().slice(0, 8);
    const env = {
      ...allServerSettings(),
      TWOFOLD_KAFKA_PREFIX: `older-${unique}.`,
      TWOFOLD_KAFKA_TICKS: "all",
      TWOFOLD_S3_PREFIX: `older/${unique}`,
      TWOFOLD_CLICKHOUSE_DATABASE: `older_${unique}`,
      TWOFOLD_BLOCK_SIZE: "256",
      TWOFOLD_HORIZON: "256",
    };
    const topic = env.TWOFOLD_KAFKA_PREFIX + TOPIC;
    const admin = testKafka().admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 2, replicationFactor: 1 }] });
    await admin.disconnect();
    const older = take(movieEvents({ seed: 1, firstUser: 1000, ...around }), 5000);
    await produce(topic, older);
    // Of one partition whole blocks and a part of the next, of the other not even a block.
    await removeBelow(topic, ["700", "100"]);

    const lost = await beginning(dir, env);
    expect(lost.state).toBe("fail");
    expect(lost.found).toMatch(/offsets \[0, 700\) of partition 0, \[0, 100\) of partition 1$/);
    expect(lost.advice).toContain("start with --lost-ranges skip");
    expect((await beginning(dir, { ...env, TWOFOLD_LOST_RANGES: "skip" })).found)
      .toMatch(/: they are skipped$/);

    let engine = await RunningEngine.open({ dir, env });
    const refused = await eventually(
      "both partitions to tell what is lost",
      () => partitionsOf(engine),
      (all) => all.every(({ error }) => error !== null),
    );
    expect(refused.map(({ error }) => error)).toEqual([
      expect.stringMatching(/the log starts at 700, .* start with --lost-ranges skip$/),
      expect.stringMatching(/the log starts at 100, .* start with --lost-ranges skip$/),
    ]);
    await engine.close();

    engine = await RunningEngine.open({ dir, env: { ...env, TWOFOLD_LOST_RANGES: "skip" } });
    const newer = take(movieEvents({ seed: 2, firstUser: 9000, ...around }), 900);
    await produce(topic, newer);
    await engine.batch();
    expect(await eventsIn(engine, "merged")).toBe(5000 + 900 - 800);
    // Nothing that the speed layer has not read is told as a drift of it, by no run: the one at
    // the start may have covered all before this one.
    const runs = await engine.engine.batch.get(TOPIC)!.history({ limit: 10, before: null });
    const drifts = runs.flatMap(({ plugins }) => plugins.map(({ drift }) => drift));
    expect(drifts.filter((drift) => drift !== null && drift !== 0)).toEqual([]);
    expect(drifts.length).toBeGreaterThan(0);
    // The speed layer begins at a bound near the log's end, and has not all.
    expect(await answersOf(engine, "merged")).toEqual(await answersOf(engine, "batch"));
    const told = engine.faults.filter((fault) => /are lost, and were skipped/.test(fault));
    expect(told.map((fault) => /\[\d+, \d+\) of partition \d/.exec(fault)?.[0]).sort()).toEqual([
      "[0, 100) of partition 1",
      "[0, 700) of partition 0",
    ]);
    await engine.close();

    // What was skipped is in the archive as empty: the setting is not needed any more.
    expect(await beginning(dir, env))
      .toMatchObject({ state: "ok", found: `what ${topic} no longer holds is archived` });
    engine = await RunningEngine.open({ dir, env });
    await produce(topic, take(movieEvents({ seed: 3, firstUser: 20_000, ...around }), 100));
    await eventually(
      "the speed layer to add what is new",
      () => eventsIn(engine, "merged"),
      (events) => events === 5000 + 900 - 800 + 100,
    );
    await engine.batch({ full: true });
    expect(await eventsIn(engine, "batch")).toBe(5000 + 900 - 800 + 100);
    expect(await answersOf(engine, "merged")).toEqual(await answersOf(engine, "batch"));
    expect((await partitionsOf(engine)).map(({ error }) => error)).toEqual([null, null]);
    await engine.close();
    await Deno.remove(dir, { recursive: true });
  });
});

describe("Kafka's retention that ran past a worker", () => {
  it("the archive gives the open block and the horizon: every event counts once, in both layers", async () => {
    const dir = await Deno.makeTempDir();
    const unique = crypto.randomUUID().slice(0, 8);
    const env = {
      ...allServerSettings(),
      TWOFOLD_KAFKA_PREFIX: `gone-${unique}.`,
      TWOFOLD_S3_PREFIX: `gone/${unique}`,
      TWOFOLD_CLICKHOUSE_DATABASE: `gone_${unique}`,
      TWOFOLD_BLOCK_SIZE: "256",
      TWOFOLD_HORIZON: "4096",
    };
    const topic = env.TWOFOLD_KAFKA_PREFIX + TOPIC;
    const read = take(movieEvents({ seed: 1, firstUser: 1000, ...around }), 700);
    const unread = take(movieEvents({ seed: 2, firstUser: 2000, ...around }), 900);

    let engine = await RunningEngine.open({ dir, env });
    await produce(topic, read);
    await engine.allArchived();
    await engine.close();

    // While nobody computes windows, more is archived, retries and what is no event among it.
    engine = await RunningEngine.open({ dir, env: { ...env, TWOFOLD_ROLES: "archive,serve" } });
    await produce(topic, [...unread, ...read.slice(0, 40), "no event", ...unread.slice(0, 30)]);
    const archived = await archivedAll(engine);
    await engine.close();
    // And the broker removes all of it, of one partition all but the last ten offsets.
    const kept = archived.map((end, i) => i === 0 ? String(BigInt(end) - 10n) : end);
    await removeBelow(topic, kept);

    engine = await RunningEngine.open({ dir, env });
    await produce(topic, [...read.slice(100, 160), ...unread.slice(100, 170)]);
    await produce(topic, take(movieEvents({ seed: 3, firstUser: 3000, ...around }), 100));
    await engine.batch();
    const partitions = await partitionsOf(engine);
    expect(partitions.map(({ error }) => error)).toEqual(partitions.map(() => null));
    expect(await eventsIn(engine, "merged")).toBe(1700);
    await expectParity(engine);
    const sum = (pick: "events" | "repeats" | "dead_letters") =>
      partitions.reduce((total, each) => total + each[pick], 0);
    expect([sum("events"), sum("repeats"), sum("dead_letters")]).toEqual([1700, 200, 1]);
    // It is told, once for each partition and each range.
    const told = engine.faults.filter((fault) => READ_FROM_ARCHIVE.test(fault));
    expect(told).toEqual(engine.faults);
    expect(new Set(told).size).toBe(told.length);
    for (const [partition, start] of kept.entries()) {
      expect(told.join("\n")).toContain(`, ${start}) of partition ${partition} of ${TOPIC}`);
    }
    await engine.close();
    await Deno.remove(dir, { recursive: true });
  });
});
