import { afterAll, beforeAll, describe, expect, it } from "testing";
import { eventually } from "../support/eventually.ts";
import {
  type ClientRecord,
  codecsOf,
  groupLag,
  kcat,
  produceByPython,
  promtool,
  python,
} from "../support/foreign_clients.ts";
import { copyArchive } from "../support/archive_copy.ts";
import { newTopic, openTestLog } from "../support/kafka_topic.ts";
import { records } from "../support/log_reading.ts";
import { type MovieEvent, movieEvents, take } from "../support/movie_events.ts";
import { serverSetting } from "../support/server_settings.ts";
import { clickHouse } from "../support/clickhouse_question.ts";
import { Cluster, statusOf } from "../support/workers.ts";

const TOPIC = "movie-viewing-events";
const PARTITIONS = 3;
const asRecord = (event: MovieEvent): ClientRecord => ({
  key: String(event.user_id),
  value: JSON.stringify(event),
});
const TOMBSTONE: ClientRecord = { key: "1", value: null };

/** One worker, and what strangers sent it. */
class World {
  /** Events sent that have to be counted, each by one. */
  readonly events: MovieEvent[] = [];
  tombstones = 0;
  #seed = 0;

  private constructor(readonly cluster: Cluster) {}

  static async open(): Promise<World> {
    // Ticks must not be compressed, so that what is was written by the others.
    const env = { TWOFOLD_KAFKA_COMPRESSION: "none" };
    const cluster = await Cluster.open({ partitions: PARTITIONS, env });
    await cluster.start(1);
    return new World(cluster);
  }

  get topic(): string {
    return this.cluster.topic;
  }

  /** Events that nobody sent yet. */
  fresh(count: number): MovieEvent[] {
    const seed = ++this.#seed;
    return take(movieEvents({ seed, firstUser: seed * 10_000, aroundMs: Date.now() }), count);
  }

  /** Rows of a statement that the worker was asked. */
  async ask<Row>(sql: string): Promise<Row[]> {
    const response = await fetch(new URL("/api/v1/sql", await this.cluster.workers[0].url()), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ sql, limit: 10_000 }),
    });
    const answer = await response.json();
    if (response.status !== 200) throw new Error(`${sql}: ${JSON.stringify(answer)}`);
    return answer.rows;
  }

  /** Events by day, as the merged layer answers. */
  async days(): Promise<{ day: string; events: number }[]> {
    const query = "/api/v1/metrics/hourly_stats?layer=merged&bucket=day&limit=10000";
    const response = await fetch(new URL(query, await this.cluster.workers[0].url()));
    const days = new Map<string, number>();
    for (const { bucket, event_count } of (await response.json()).rows) {
      const day = bucket.slice(0, 10);
      days.set(day, (days.get(day) ?? 0) + event_count);
    }
    return [...days].sort().map(([day, events]) => ({ day, events }));
  }

  /** Waits until events are there, and says that each counts once and with its own figures. */
  async expectCounted(events: readonly MovieEvent[]): Promise<void> {
    const [first, last] = [events[0].user_id, events[events.length - 1].user_id];
    const rows = await eventually(
      "the events to be counted",
      () =>
        this.ask(`SELECT user_id, total_events, movies_watched, avg_duration
                  FROM merged_user_stats WHERE user_id BETWEEN ${first} AND ${last}
                  ORDER BY user_id`),
      (rows) => rows.length >= events.length,
      { pauseMs: 200 },
    );
    expect(rows).toEqual(
      events.map(({ user_id, duration }) => ({
        user_id,
        total_events: 1,
        movies_watched: 1,
        avg_duration: duration,
      })),
    );
    this.events.push(...events);
  }

  /** Waits until all blocks are closed and archived, after which no tick is written any more. */
  async quiet(): Promise<void> {
    await eventually(
      "all to be archived",
      () => statusOf(this.cluster.workers[0]),
      ({ topics: [{ partitions }] }) =>
        partitions.every((of) => of.archived === of.log_end && of.lag_records === 0),
      { pauseMs: 250 },
    );
  }
}

describe("clients that no one here wrote", () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open();
  });
  afterAll(async () => {
    await world.cluster.close();
  });

  it("kcat's events count, by none, gzip, snappy, lz4 and zstd", async () => {
    for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"]) {
      const events = world.fresh(200);
      const input = events.map(asRecord).map(({ key, value }) => `${key}\t${value}\n`).join("");
      const args = ["-P", "-t", world.topic, "-K", "\t", "-z", codec, "-H", "trace=1"];
      await kcat([...args, "-X", "partitioner=murmur2_random", "-X", "linger.ms=50"], input);
      expect(await codecsOf(world.topic)).toContain(codec);
      await world.expectCounted(events);
    }
  });

  it("kcat reads, checksums and ticks included, what is written by none, gzip and zstd", async () => {
    for (const compression of ["none", "gzip", "zstd"] as const) {
      const topic = newTopic();
      const log = await openTestLog({ topic, compression });
      const sent = world.fresh(200).map(asRecord);
      await log.append(records(...sent.map(({ key, value }) => [key, value!] as const)));
      await log.appendTick(0);
      await log.close();
      expect(await codecsOf(topic)).toContain(compression);
      const format = ["-Z", "-f", "%o %k %h %s\n", "-X", "check.crcs=true"];
      const read = await kcat(["-C", "-t", topic, "-o", "beginning", "-e", ...format]);
      expect(read.trimEnd().split("\n")).toEqual([
        ...sent.map(({ key, value }, offset) => `${offset} ${key}  ${value}`),
        `${sent.length} NULL twofold-tick=1 NULL`,
      ]);
    }
  });

  it("kafka-python's events count, with headers, gzip, an idempotent producer and a tombstone", async () => {
    const events = world.fresh(300);
    const sent = [...events.map(asRecord), TOMBSTONE];
    expect(await produceByPython("kafka_python_producer.py", world.topic, sent)).toBe(301);
    world.tombstones++;
    await world.expectCounted(events);
  });

  it("confluent-kafka's events count, with headers, zstd, an idempotent producer and a tombstone", async () => {
    const events = world.fresh(300);
    const sent = [TOMBSTONE, ...events.map(asRecord)];
    expect(await produceByPython("confluent_producer.py", world.topic, sent)).toBe(301);
    world.tombstones++;
    await world.expectCounted(events);
  });

  it("of confluent-kafka's transactions the one that commits counts, the one that aborts does not", async () => {
    const [aborted, committed] = [world.fresh(100), world.fresh(100)];
    const produce = (events: readonly MovieEvent[], end: string) =>
      produceByPython("confluent_producer.py", world.topic, events.map(asRecord), end);
    expect(await produce(aborted, "abort")).toBe(100);
    expect(await produce(committed, "commit")).toBe(100);
    await world.expectCounted(committed);
    const counted = await world.ask(
      `SELECT count() AS users FROM merged_user_stats
       WHERE user_id BETWEEN ${aborted[0].user_id} AND ${aborted[99].user_id}`,
    );
    expect(counted).toEqual([{ users: 0 }]);
  });

  it("/metrics of a worker passes promtool check metrics", async () => {
    const response = await fetch(new URL("/metrics", await world.cluster.workers[0].url()));
    const text = await response.text();
    expect(text).toContain("twofold_log_lag_records");
    expect(await promtool(["check", "metrics"], text)).toBe("");
  });

  it("Kafka's own tool tells the same lag as the status, with a worker and without", async () => {
    const { cluster } = world;
    await world.quiet();
    const { topics: [{ partitions }] } = await statusOf(cluster.workers[0]);
    const settled = partitions.map(({ partition, log_end }) => ({
      partition,
      committed: Number(log_end),
      logEnd: Number(log_end),
      lag: 0,
    }));
    const told = await eventually(
      "the offsets to be committed",
      () => groupLag(cluster.groupId),
      (told) => told.length === PARTITIONS && told.every(({ lag }) => lag === 0),
    );
    expect(told).toEqual(settled);
    await cluster.stop();

    const events = world.fresh(60);
    await produceByPython("confluent_producer.py", world.topic, events.map(asRecord));
    const behind = await groupLag(cluster.groupId);
    expect(behind.reduce((sum, { lag }) => sum + lag, 0)).toBe(60);
    const watcher = cluster.spawn({ TWOFOLD_ROLES: "serve" });
    const status = await eventually(
      "the status of one who reads nothing",
      () => statusOf(watcher),
      ({ topics: [{ partitions }] }) => partitions.length === PARTITIONS,
    );
    expect(
      status.topics[0].partitions.map(({ partition, lag_records }) => [partition, lag_records]),
    )
      .toEqual(behind.map(({ partition, lag }) => [partition, lag]));
    await cluster.stop();
    await cluster.start(1);
    await world.expectCounted(events);
  });

  it("all of it is exact in every layer, and DuckDB and ClickHouse read the same from the archive", async () => {
    const { cluster, events } = world;
    await cluster.expectExact(events.length, { deadLetters: world.tombstones });
    const days = await world.days();
    await cluster.stop();
    const folder = await copyArchive(cluster.env.TWOFOLD_S3_PREFIX, TOPIC);
    const told = JSON.parse(await python("duckdb_archive.py", [folder]));
    await Deno.remove(folder, { recursive: true });
    const milliseconds = events.map(({ duration }) => Math.round(1000 * (duration ?? 0)));
    const wanted = {
      records: events.length,
      durationMs: milliseconds.reduce((sum, ms) => sum + ms, 0),
      days: days.map((day) => ({ ...day, elsewhere: 0 })),
    };
    expect(told).toEqual(wanted);
    expect(await archiveByClickHouse(cluster.env.TWOFOLD_S3_PREFIX)).toEqual(wanted);
  });
});

/** What plain ClickHouse counts in the archive, by the bucket's URL and hive partitioning. */
async function archiveByClickHouse(prefix: string) {
  const [endpoint, bucket, key, secret] = ["ENDPOINT", "BUCKET", "ACCESS_KEY", "SECRET_KEY"]
    .map((name) => serverSetting(`TWOFOLD_S3_${name}`));
  const files = `${endpoint}/${bucket}/${prefix}/${TOPIC}/events/**/*.parquet`;
  const from = `FROM s3('${files}', '${key}', '${secret}', 'Parquet')`;
  const days = await clickHouse(
    `SELECT toString(dt) AS day, count() AS events, countIf(toString(toDate(event_time)) != day) AS elsewhere
     ${from} GROUP BY day ORDER BY day`,
  );
  const [all] = await clickHouse(
    `SELECT count() AS records, toInt64(1000 * sum(duration)) AS durationMs ${from}`,
  );
  return { ...all, days };
}
