/** Events on their way into Kafka: all at once, or at a steady rate by a process of its own. */
import { CompressionTypes } from "kafkajs";
import { systemClock } from "../runtime/std/clock.ts";
import { createIngest } from "../runtime/engine/ingest.ts";
import { openKafkaLog } from "../runtime/log/kafka/kafka_log.ts";
import { feed } from "../runtime/sources/feed.ts";
import viewing from "../plugins/viewing.source.ts";
import { movieViewing } from "../plugins/movie_viewing.schema.ts";
import { kafkaAccess, testKafka } from "../tests/support/kafka_topic.ts";
import { bodies } from "./made_log.ts";

const { topic: TOPIC } = movieViewing;
/** Events per second of event time: as many as at the highest rate that is tried. */
const SHAPE = 100_000;
const SEND_EVENTS = 4000;
const TRANSACTION_MS = 600_000;
const NEWLINE = 10;

/** What was put into a topic. */
export interface Load {
  readonly events: number;
  readonly bytes: number;
}

/** Events that are in a topic and that nobody sees before the transaction is committed. */
export async function load(
  topic: string,
  events: number,
): Promise<Load & { show(): Promise<void> }> {
  const producer = testKafka().producer({
    transactionalId: topic,
    idempotent: true,
    maxInFlightRequests: 1,
    transactionTimeout: TRANSACTION_MS,
  });
  await producer.connect();
  const transaction = await producer.transaction();
  const sum = { events: 0, bytes: 0 };
  for (const body of bodies(events, SHAPE)) {
    const messages = [...messagesOf(body)];
    for (let at = 0; at < messages.length; at += SEND_EVENTS) {
      const part = messages.slice(at, at + SEND_EVENTS);
      await transaction.send({ topic, messages: part, compression: CompressionTypes.None });
    }
    sum.events += messages.length;
    sum.bytes += body.length - messages.length;
  }
  return {
    ...sum,
    async show() {
      await transaction.commit();
      await producer.disconnect();
    },
  };
}

const decoder = new TextDecoder();

function* messagesOf(body: Uint8Array<ArrayBuffer>) {
  for (let from = 0; from < body.length;) {
    const end = body.indexOf(NEWLINE, from);
    const value = Buffer.from(body.buffer, from, end - from);
    const [, key] = /"user_id":(\d+)/.exec(decoder.decode(value))!;
    yield { key, value };
    from = end + 1;
  }
}

/** A process that sends events at a steady rate until it is stopped. */
export class SteadyLoad {
  readonly #child: Deno.ChildProcess;

  constructor(prefix: string, rate: number) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", import.meta.filename!, prefix, String(rate)],
      stdout: "piped",
    }).spawn();
  }

  /** Ends it. @returns how many events it sent a second. */
  async stop(): Promise<number> {
    this.#child.kill("SIGTERM");
    const { stdout } = await this.#child.output();
    return Number(new TextDecoder().decode(stdout));
  }
}

async function sendSteadily(prefix: string, rate: number): Promise<void> {
  const access = kafkaAccess();
  const log = await openKafkaLog({
    access,
    topic: TOPIC,
    prefix,
    compression: "none",
    clock: systemClock,
  });
  const ingest = createIngest([{ schema: movieViewing, log }]);
  const stop = new AbortController();
  Deno.addSignalListener("SIGTERM", () => stop.abort());
  const sinceMs = performance.now();
  let sent = 0;
  const made = feed({ source: viewing, rate, clock: systemClock, signal: stop.signal });
  for await (const { ndjson } of made) {
    sent += (await ingest.ingest(new Blob([ndjson]).stream(), "ndjson")).accepted;
  }
  console.log(sent / (performance.now() - sinceMs) * 1000);
  await log.close();
}

if (import.meta.main) {
  const [prefix, rate] = Deno.args;
  await sendSteadily(prefix, Number(rate));
  Deno.exit(0);
}
