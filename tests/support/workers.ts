/** Several `start` processes that share a topic on real servers, and a producer that never rests. */
import { expect } from "testing";
import type { Kafka, Producer } from "kafkajs";
import { readConfig } from "../../runtime/settings/config.ts";
import { groupIdOf } from "../../runtime/engine/server_access.ts";
import type { Status } from "../../runtime/ports/services.ts";
import { RunningProcess } from "./command.ts";
import { eventually } from "./eventually.ts";
import { makeTopic, testKafka } from "./kafka_topic.ts";
import { LogTruth } from "./log_truth.ts";
import { type MovieEvent, movieEvents, take } from "./movie_events.ts";
import { eventsIn, expectParity } from "./parity_of_layers.ts";
import { RunningEngine } from "./running_engine.ts";
import { allServerSettings } from "./server_settings.ts";

const TOPIC = "movie-viewing-events";
/** The shortest that brokers allow. */
export const SESSION_MS = 6000;
/** A process ends by itself within this long. */
const STOP_MS = 10_000;
const PRODUCE_EVERY_MS = 50;
/** A run of many days takes its time on a busy machine, and may come second several times. */
const PUBLISHED_MS = 180_000;

/** Options of {@link Cluster.open}. */
export interface ClusterOptions {
  readonly partitions: number;
  /** Default: that of the movie events. */
  readonly topic?: string;
  /** Settings by variable, beside the servers'. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A topic of its own, with everything around it. */
export class Cluster {
  readonly workers: RunningProcess[] = [];
  /** Settings of every process. */
  readonly env: Readonly<Record<string, string>>;
  /** The topic's name in Kafka. */
  readonly topic: string;
  readonly #topic: string;
  readonly #dir: string;
  #spawned = 0;

  private constructor(env: Readonly<Record<string, string>>, topic: string, dir: string) {
    this.env = env;
    this.topic = env.TWOFOLD_KAFKA_PREFIX + topic;
    this.#topic = topic;
    this.#dir = dir;
  }

  static async open({ partitions, topic = TOPIC, env = {} }: ClusterOptions): Promise<Cluster> {
    const unique = crypto.randomUUID().slice(0, 8);
    const all: Record<string, string> = {
      ...allServerSettings(),
      TWOFOLD_KAFKA_PREFIX: `w${unique}.`,
      TWOFOLD_S3_PREFIX: `workers/${unique}`,
      TWOFOLD_CLICKHOUSE_DATABASE: `workers_${unique}`,
      TWOFOLD_KAFKA_TICKS: topic, // which is not made by Twofold
      TWOFOLD_KAFKA_SESSION: `${SESSION_MS}ms`,
      TWOFOLD_BLOCK_SPAN: "1s",
      TWOFOLD_BLOCK_SIZE: "1024",
      TWOFOLD_HORIZON: "65536",
      TWOFOLD_FLUSH_INTERVAL: "100ms",
      // Runs are asked for: on a slow machine those by the clock overtake the one that is looked at.
      TWOFOLD_BATCH_SCHEDULE: "*/5 * * * *",
      TWOFOLD_LOG_LEVEL: "warn",
      ...env,
    };
    const cluster = new Cluster(all, topic, await Deno.makeTempDir({ prefix: "twofold-workers-" }));
    await makeTopic({ topic: cluster.topic, numPartitions: partitions }, all.TWOFOLD_KAFKA_BROKERS);
    return cluster;
  }

  /** The consumer group of its processes. */
  get groupId(): string {
    return groupIdOf(readConfig({ command: "start", env: this.env }), this.#topic);
  }

  /**
   * Starts a process; does not wait for it.
   *
   * @param env settings by variable that the others do not have.
   * @param root the folder of its plugins. Default: the checkout.
   */
  spawn(env: Readonly<Record<string, string>> = {}, root?: string): RunningProcess {
    const dir = `${this.#dir}/${++this.#spawned}`;
    const plugins: Record<string, string> = root === undefined
      ? {}
      : { TWOFOLD_PLUGINS: `${root}/plugins` };
    const worker = RunningProcess.spawn(dir, [], { ...this.env, ...env, ...plugins });
    this.workers.push(worker);
    return worker;
  }

  /** Starts processes and waits until the partitions are shared out among them. */
  async start(count: number): Promise<RunningProcess[]> {
    const started = Array.from({ length: count }, () => this.spawn());
    await this.shared();
    return started;
  }

  /** Waits until every partition falls to one process, and each process has some. */
  async shared(): Promise<void> {
    const ended = this.workers.map(async (worker) => {
      const { code } = await worker.child.status;
      throw new Error(`A worker ended with ${code}: ${worker.text}`);
    });
    const shared = eventually(
      "the partitions to be shared out",
      async () => {
        const all = await Promise.all(
          this.workers.map(async (worker) => own(await statusOf(worker))),
        );
        const given = all.flat().sort((a, b) => a - b);
        const [first] = this.workers;
        const count = (await statusOf(first)).topics[0].partitions.length;
        return all.every((partitions) => partitions.length > 0) && given.length === count &&
          new Set(given).size === count;
      },
      Boolean,
      { pauseMs: 250 },
    );
    await Promise.race([shared, ...ended]);
  }

  /** Sends something that is no event to every partition. */
  async poison(partitions: number): Promise<void> {
    const producer = testKafka().producer();
    await producer.connect();
    const messages = Array.from({ length: partitions }, (_, partition) => ({
      partition,
      value: `{"poison": ${partition}`,
    }));
    await producer.send({ topic: this.topic, messages });
    await producer.disconnect();
  }

  /** Kills a process for good. */
  async kill(worker: RunningProcess): Promise<void> {
    this.workers.splice(this.workers.indexOf(worker), 1);
    await worker.end("SIGKILL");
  }

  /** Ends all as a service manager does. */
  async stop(): Promise<void> {
    const ends = await Promise.all(
      this.workers.splice(0).map(async (worker) => {
        const startMs = performance.now();
        const code = await worker.end("SIGTERM");
        return { code, inTime: performance.now() - startMs < STOP_MS, text: worker.text };
      }),
    );
    const late = ends.filter(({ code, inTime }) => code !== 0 || !inTime);
    expect(late).toEqual([]);
  }

  /** What is left when a test fails. */
  async close(): Promise<void> {
    for (const worker of this.workers.splice(0)) {
      await worker.end("SIGKILL");
    }
    await Deno.remove(this.#dir, { recursive: true });
  }

  /**
   * Says that all answers are exact: those of a process that reads no partition, in every layer, for
   * the events that were produced. The workers are running.
   *
   * @param events each counts once.
   * @param options.deadLetters what was sent that is no event. Default 0.
   */
  async expectExact(events: number, { deadLetters = 0 } = {}): Promise<void> {
    const engine = await RunningEngine.open({
      dir: `${this.#dir}/observer`,
      env: { ...this.env, TWOFOLD_ROLES: "batch,serve" },
    });
    try {
      const truth = new LogTruth([...engine.engine.logs.values()][0]);
      const logged = await truth.identities();
      expect(logged.size).toBe(events);
      await engine.allArchived();
      const drifts = await driftOfFullRun(engine);
      expect(drifts).toEqual(drifts.map(() => 0));
      expect(drifts.length).toBeGreaterThan(3);
      for (const layer of ["merged", "speed", "batch"] as const) {
        expect([layer, await eventsIn(engine, layer)]).toEqual([layer, events]);
      }
      await expectParity(engine);
      const users = await engine.sql(
        `SELECT total_events, count() AS users FROM merged_user_stats GROUP BY total_events`,
      );
      expect(users).toEqual([{ total_events: 1, users: events }]);
      const { topics: [{ partitions }] } = await engine.status();
      expect(partitions.reduce((sum, of) => sum + of.events, 0)).toBe(events);
      expect(partitions.some((of) => of.own)).toBe(false);
      expect(partitions.reduce((sum, of) => sum + of.dead_letters, 0)).toBe(deadLetters);
      expect(await engine.value("SELECT count() FROM dead_letters FINAL")).toBe(deadLetters);
      expect(engine.faults).toEqual([]);
    } finally {
      await engine.close();
    }
  }
}

/** Recomputes everything. A run of a worker may come first: then it is tried again. */
async function driftOfFullRun({ engine }: RunningEngine): Promise<(number | null)[]> {
  const run = await eventually(
    "a full run to be published",
    () => engine.batch.get(TOPIC)!.run({ full: true }),
    (run) => run!.plugins.every(({ status }) => status === "published"),
    { deadlineMs: PUBLISHED_MS },
  );
  return run!.plugins.map(({ drift }) => drift);
}

/** Options of {@link SteadyProducer.start}. */
export interface SteadyProducerOptions {
  /** Default 200. */
  readonly eventsPerSecond?: number;
  /** Producers with different seeds send different events. Default 1. */
  readonly seed?: number;
  /** Default: the test cluster. */
  readonly brokers?: string;
}

/**
 * Sends events at a steady rate, as other people's programs do: the same user to one partition, and
 * what was not acknowledged once more.
 */
export class SteadyProducer {
  #sent = 0;
  readonly #kafka: Kafka;
  readonly #topic: string;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;

  private constructor(topic: string, options: SteadyProducerOptions) {
    this.#kafka = testKafka(options.brokers);
    this.#topic = topic;
    this.#ended = this.#run(options);
  }

  static start(topic: string, options: SteadyProducerOptions = {}): SteadyProducer {
    return new SteadyProducer(topic, options);
  }

  /** Events sent and acknowledged so far. */
  get sent(): number {
    return this.#sent;
  }

  /** Stops sending. @returns how many events were sent, each counted once. */
  async stop(): Promise<number> {
    this.#stop.abort();
    await this.#ended;
    return this.#sent;
  }

  async #run({ eventsPerSecond = 200, seed = 1 }: SteadyProducerOptions): Promise<void> {
    const events = movieEvents({ seed, firstUser: seed * 1_000_000, aroundMs: Date.now() });
    const each = Math.max(1, Math.round(eventsPerSecond * PRODUCE_EVERY_MS / 1000));
    let producer: Producer | null = null;
    while (!this.#stop.signal.aborted) {
      const chunk = take(events, each);
      const again = chunk.slice(0, 1); // as a retry would
      while (!await this.#send(producer ??= await this.#connect(), [...chunk, ...again])) {
        await producer.disconnect().catch(() => {});
        producer = null;
      }
      this.#sent += chunk.length;
      await pause(PRODUCE_EVERY_MS);
    }
    await producer?.disconnect();
  }

  async #connect(): Promise<Producer> {
    for (;;) {
      const producer = this.#kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
      const connected = await producer.connect().then(() => true, () => false);
      if (connected) return producer;
      await pause(PRODUCE_EVERY_MS);
    }
  }

  /** @returns whether they were acknowledged; if not, nobody knows what became of them. */
  async #send(producer: Producer, events: readonly MovieEvent[]): Promise<boolean> {
    const messages = events.map((event) => ({
      key: String(event.user_id),
      value: JSON.stringify(event),
    }));
    return await producer.send({ topic: this.#topic, messages }).then(() => true, () => false);
  }
}

/** Waits until no problem stands: those of the batch layer end with a run, which is asked for. */
export async function noProblem(worker: RunningProcess): Promise<void> {
  const runs = new URL("/api/v1/batch/runs", await worker.url());
  await (await fetch(runs, { method: "POST" })).body?.cancel();
  const problems = async () => (await statusOf(worker)).problems.map(({ message }) => message);
  await eventually("no problem to stand", problems, (standing) => standing.length === 0, {
    deadlineMs: 120_000,
  });
}

/** What a process tells of itself. */
export async function statusOf(worker: RunningProcess): Promise<Status> {
  const response = await fetch(new URL("/api/v1/status", await worker.url()), {
    signal: AbortSignal.timeout(5000),
  });
  return await response.json();
}

/** The partitions that a process reads. */
export function own({ topics: [{ partitions }] }: Status): number[] {
  return partitions.filter((partition) => partition.own).map(({ partition }) => partition);
}

/** Asks all processes for batch runs at once, again and again. @returns how often. */
export async function postBatches(cluster: Cluster, stop: AbortSignal): Promise<number> {
  let rounds = 0;
  while (!stop.aborted) {
    await Promise.all(cluster.workers.map(async (worker) => {
      // One that was killed meanwhile, or has not come up, does not count.
      const url = await Promise.race([worker.url().catch(() => null), pause(100)]);
      if (!url) return;
      const signal = AbortSignal.any([stop, AbortSignal.timeout(10_000)]);
      const answer = fetch(new URL("/api/v1/batch/runs", url), { method: "POST", signal });
      await answer.then((response) => response.body?.cancel(), () => {});
    }));
    rounds++;
    await pause(100);
  }
  return rounds;
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
