import { Partitioners } from "kafkajs";
import { describe, expect, it } from "testing";
import { LogGapError, UserError } from "../../runtime/std/errors.ts";
import { partitionOf } from "../../runtime/log/partitioner.ts";
import type { EventLog } from "../../runtime/ports/ports.ts";
import { eventually } from "../support/eventually.ts";
import {
  kafkaAccess,
  makeTopic,
  newTopic,
  openTestLog,
  testKafka,
} from "../support/kafka_topic.ts";
import { plain, readAll, readValues, records } from "../support/log_reading.ts";

const producerOptions = { createPartitioner: Partitioners.DefaultPartitioner };

/** Runs a producer of kafkajs, as a stranger to the topic. */
async function produce(
  send: (producer: ReturnType<ReturnType<typeof testKafka>["producer"]>) => Promise<unknown>,
  options = {},
): Promise<void> {
  const producer = testKafka().producer({ ...producerOptions, ...options });
  await producer.connect();
  await send(producer);
  await producer.disconnect();
}

async function failure(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(() => {
    throw new Error("expected a rejection, got a result");
  }, (error) => error);
}

describe("KafkaLog: what others wrote", () => {
  it("headers, null keys and null values are no hindrance, and no ticks", async () => {
    const log = await openTestLog();
    const { topic } = log;
    await produce((producer) =>
      producer.send({
        topic,
        messages: [
          { key: null, value: "a", headers: { trace: "1", "twofold-tic": "x" } },
          { key: "k", value: null },
          { key: "k", value: "b", headers: { many: ["1", "2"] } },
        ],
      })
    );
    const all = await readAll(log, 0);
    expect(all.map(({ value, kind }) => [value, kind])).toEqual([["a", 0], ["", 0], ["b", 0]]);
    await log.close();
  });
  it("appended records are read whatever their compression", async () => {
    const topic = newTopic();
    const wanted: string[] = [];
    for (const compression of ["none", "gzip", "zstd"] as const) {
      const log = await openTestLog({ topic, compression });
      const values = Array.from(
        { length: 30 },
        (_, i) => `${compression}:${i}:${"text ".repeat(i)}`,
      );
      await log.append(records(...values.map((value) => ["k", value] as const)));
      wanted.push(...values);
      await log.close();
    }
    const log = await openTestLog({ topic });
    expect(await readValues(log, 0)).toEqual(wanted);
    for (const from of [1n, 29n, 30n, 45n, 89n]) {
      const chunk = await log.read(0, from, { maxRecords: 7 });
      expect(plain(chunk).map(({ value }) => value))
        .toEqual(wanted.slice(Number(from), Number(from) + chunk.count));
    }
    await log.close();
  });
  it("a key lies where Kafka's own partitioner puts it", async () => {
    const log = await openTestLog({ createWith: { partitions: 7 } });
    const { topic } = log;
    const keys = Array.from({ length: 100 }, (_, i) => `user-${i * i}`);
    await produce((producer) =>
      producer.send({ topic, messages: keys.map((key) => ({ key, value: key })) })
    );
    for (let partition = 0; partition < 7; partition++) {
      const mine = keys.filter((key) => {
        const bytes = new TextEncoder().encode(key);
        return partitionOf(bytes, 0, bytes.length, 7) === partition;
      });
      expect((await readValues(log, partition)).sort()).toEqual(mine.sort());
    }
    await log.close();
  });
  it("a topic with CreateTime tells the producer's time, one with LogAppendTime the broker's", async () => {
    const before = Date.now();
    for (
      const [type, holds] of [
        ["CreateTime", (ms: number) => ms === 1_700_000_000_123],
        ["LogAppendTime", (ms: number) => ms >= before && ms <= Date.now()],
      ] as const
    ) {
      const topic = newTopic();
      const configEntries = [{ name: "message.timestamp.type", value: type }];
      await makeTopic({ topic, numPartitions: 1, configEntries });
      await produce((producer) =>
        producer.send({ topic, messages: [{ value: "v", timestamp: "1700000000123" }] })
      );
      const log = await openTestLog({ topic });
      const [{ appendMs }] = await readAll(log, 0);
      expect(holds(appendMs)).toBe(true);
      await log.close();
    }
  });
});

describe("KafkaLog: gaps", () => {
  it("of transactions those count that were committed, and the position passes their markers", async () => {
    const log = await openTestLog();
    const { topic } = log;
    const transactional = { transactionalId: topic, maxInFlightRequests: 1, idempotent: true };
    await produce(async (producer) => {
      for (const [value, commits] of [["a", true], ["lost", false], ["b", true]] as const) {
        const transaction = await producer.transaction();
        await transaction.send({ topic, messages: [{ value }, { value: `${value}2` }] });
        await (commits ? transaction.commit() : transaction.abort());
      }
    }, transactional);
    const { end } = await eventually("all markers", () => log.bounds(0), ({ end }) => end === 9n);
    expect(await readValues(log, 0)).toEqual(["a", "a2", "b", "b2"]);
    const offsets = (await readAll(log, 0)).map(({ offset }) => offset);
    expect(offsets).toEqual([0n, 1n, 6n, 7n]);
    let at = 0n;
    while (at < end) at = (await log.read(0, at, { maxRecords: 1 })).to;
    expect(at).toBe(9n);
    // Behind the last record there is only its marker: the reader still gets past it.
    const marker = await log.read(0, 8n);
    expect([marker.count, marker.to]).toEqual([0, 9n]);
    await log.changed(0, 8n, AbortSignal.timeout(10_000));
    await log.close();
  });
  it("records of a transaction that is open are not there yet", async () => {
    const log = await openTestLog();
    const { topic } = log;
    await produce(async (producer) => {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value: "open" }] });
      await log.append(records(["k", "behind it"]));
      expect((await log.bounds(0)).end).toBe(0n);
      expect((await log.read(0, 0n)).count).toBe(0);
      await transaction.commit();
    }, { transactionalId: topic, maxInFlightRequests: 1, idempotent: true });
    const values = await eventually("both", () => readValues(log, 0), (v) => v.length === 2);
    expect(values).toEqual(["open", "behind it"]);
    await log.close();
  });
  it("a compacted topic has gaps, and reading gets across them to the end", async () => {
    const topic = newTopic();
    const settings = {
      "cleanup.policy": "compact",
      "segment.ms": "200",
      "min.cleanable.dirty.ratio": "0.01",
      "max.compaction.lag.ms": "200",
    };
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    await makeTopic({ topic, numPartitions: 1, configEntries });
    const log = await openTestLog({ topic });
    for (let i = 0; i < 20; i++) await log.append(records([`k${i % 2}`, `v${i}`]));
    const kept = await eventually(
      "compaction",
      async () => {
        await log.append(records(["roll", "next segment"])); // the open segment is not compacted
        return await readFresh(topic);
      },
      (values) => values.filter((value) => value.startsWith("v")).length === 2,
      { pauseMs: 300 },
    );
    expect(kept.slice(0, 2)).toEqual(["v18", "v19"]);
    const { end } = await log.bounds(0);
    for (let from = 0n; from < 18n; from += 5n) {
      const fresh = await openTestLog({ topic });
      const first = await fresh.read(0, from, { maxRecords: 1 });
      expect(plain(first).map(({ offset, value }) => [offset, value])).toEqual([[18n, "v18"]]);
      await fresh.close();
    }
    expect(end).toBeGreaterThan(20n);
    await log.close();
  });
  it("below what retention removed, reading fails and tells where the log starts", async () => {
    const log = await openTestLog();
    const { topic } = log;
    for (let i = 0; i < 10; i++) await log.append(records(["k", `v${i}`]));
    const admin = testKafka().admin();
    await admin.connect();
    await admin.fetchTopicMetadata({ topics: [topic] }); // which kafkajs needs for the next
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "6" }] });
    await admin.disconnect();
    expect(await log.bounds(0)).toEqual({ start: 6n, end: 10n });
    const error = await failure(log.read(0, 3n));
    expect(error).toBeInstanceOf(LogGapError);
    expect(error.message).toContain("the log starts at 6");
    expect(error).toMatchObject({ topic, partition: 0, offset: 3n, retriable: false });
    await log.changed(0, 3n, AbortSignal.timeout(10_000));
    expect(await readValues(log, 0)).toEqual(["v6", "v7", "v8", "v9"]);
    await log.close();
  });
});

describe("KafkaLog: incarnations", () => {
  it("a topic made again is another log, and never taken for the old one", async () => {
    const log = await openTestLog();
    const { topic } = log;
    await log.append(records(["k", "old 0"], ["k", "old 1"]));
    expect(await readValues(log, 0)).toEqual(["old 0", "old 1"]);
    const admin = testKafka().admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] });
    const again = await eventually("the new topic", async () => {
      await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] });
      return await openTestLog({ topic, createWith: undefined });
    });
    await admin.disconnect();
    await again.append(records(["k", "new 0"], ["k", "new 1"], ["k", "new 2"]));
    expect(again.id).not.toBe(log.id);
    // Offset 2 is there in the new topic, and the old log must not give it.
    const error = await failure(readUntilFinal(log, 2n));
    expect(error).toBeInstanceOf(LogGapError);
    expect(error.message).toContain("made again");
    expect(await readValues(again, 0)).toEqual(["new 0", "new 1", "new 2"]);
    await log.close();
    await again.close();
  });
  it("a topic that is deleted stops its readers, for good and loudly", async () => {
    const log = await openTestLog();
    const { topic } = log;
    await log.append(records(["k", "v"]));
    const waiting = log.changed(0, 1n, AbortSignal.timeout(60_000));
    const admin = testKafka().admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] });
    await admin.disconnect();
    await waiting;
    const error = await failure(readUntilFinal(log, 1n));
    expect(error).toBeInstanceOf(LogGapError);
    expect(error.message).toContain("deleted");
    await log.close();
  });
  it("the same topic has the same identity for everybody", async () => {
    const [a, b] = await Promise.all(Array.from(
      { length: 2 },
      ((topic) => () => openTestLog({ topic, region: "eu-1" }))(newTopic()),
    ));
    expect(a.id).toBe(b.id);
    expect(a.id).toMatch(/^eu-1-[0-9a-f]{32}$/);
    await a.close();
    await b.close();
  });
});

describe("KafkaLog: at work", () => {
  it("readers of many partitions wait at once and each wakes for its own", async () => {
    const log = await openTestLog({ createWith: { partitions: 6 } });
    const woken: number[] = [];
    const waiting = Array.from(
      { length: 6 },
      (_, partition) =>
        log.changed(partition, 0n, AbortSignal.timeout(60_000)).then(() => woken.push(partition)),
    );
    for (const partition of [4, 1, 5, 0, 3, 2]) {
      await log.appendTick(partition);
      await waiting[partition];
    }
    expect(woken).toEqual([4, 1, 5, 0, 3, 2]);
    await log.close();
  });
  it("appends more than a batch may hold, in order", async () => {
    const log = await openTestLog({ compression: "none" });
    const values = Array.from({ length: 300 }, (_, i) => `${i} ${"x".repeat(10_000)}`);
    await log.append(records(...values.map((value) => ["k", value] as const)));
    expect(await readValues(log, 0)).toEqual(values);
    await log.close();
  });
  it("an append that is refused is told and the next one works", async () => {
    const topic = newTopic();
    const configEntries = [{ name: "max.message.bytes", value: "2000" }];
    await makeTopic({ topic, numPartitions: 1, configEntries });
    const log = await openTestLog({ topic, compression: "none" });
    const error = await failure(log.append(records(["k", "x".repeat(5000)])));
    expect(error).toMatchObject({ fault: "external", retriable: false, topic });
    expect(error.message).toContain("MESSAGE_TOO_LARGE");
    expect(await log.append(records(["k", "small"]))).toEqual([1n]);
    await log.close();
  });
  it("a record of the size that may be sent is read whole", async () => {
    const log = await openTestLog({ compression: "none" });
    const value = "y".repeat(1_000_000);
    await log.append(records(["k", value], ["k", "next"]));
    expect((await log.read(0, 0n, { maxBytes: 10 })).count).toBe(1);
    expect(await readValues(log, 0)).toEqual([value, "next"]);
    await log.close();
  });
});

describe("openKafkaLog()", () => {
  it("does not make a topic unless told to", async () => {
    const topic = newTopic();
    const error = await failure(openTestLog({ topic, createWith: undefined }));
    expect(error).toBeInstanceOf(UserError);
    expect(error.message).toContain(topic);
  });
  it("fails retriably where nothing listens", async () => {
    const access = { ...kafkaAccess(), brokers: ["127.0.0.1:1"] };
    const error = await failure(openTestLog({ access }));
    expect(error).toMatchObject({ fault: "external", retriable: true });
    expect(error.message).toContain("127.0.0.1:1");
  });
});

/** Reads on while the answer is that it may work later: brokers learn of a topic's end in time. */
async function readUntilFinal(log: EventLog, from: bigint): Promise<void> {
  await eventually(
    "a final answer",
    () => log.read(0, from).then(() => null, (error) => error),
    (error) => error !== null && error.retriable === false,
  );
  await log.read(0, from);
}

/** All values of partition 0, by a log that keeps nothing from before. */
async function readFresh(topic: string): Promise<string[]> {
  const log = await openTestLog({ topic });
  const values = await readValues(log, 0);
  await log.close();
  return values;
}
