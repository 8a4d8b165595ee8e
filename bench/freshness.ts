/** From "sent to Kafka" to "in an answer of the API", by events that are looked for one by one. */
import { encodeFrontier } from "../runtime/model/frontier.ts";
import { testKafka } from "../tests/support/kafka_topic.ts";
import type { BenchCluster } from "./server_cluster.ts";
import { sleep } from "./started_process.ts";

const PROBE_EVERY_MS = 100;
/** Users that nobody else is. */
const FIRST_USER = 3_000_000_000;

/** Sends probes until the time is over. @returns milliseconds from before the send until an answer has it. */
export async function freshness(cluster: BenchCluster, seconds: number): Promise<number[]> {
  const producer = testKafka().producer();
  await producer.connect();
  const { topic, workers: [{ url }] } = cluster;
  const log = await cluster.log();
  const looking: Promise<number>[] = [];
  const endMs = performance.now() + seconds * 1000;
  for (let user = FIRST_USER; performance.now() < endMs; user++) {
    looking.push((async () => {
      const sinceMs = performance.now();
      const event = {
        event_id: `probe-${user}`,
        user_id: user,
        movie_id: 1,
        event_type: "view",
        timestamp: new Date().toISOString(),
        duration: null,
        rating: null,
      };
      const messages = [{ key: String(user), value: JSON.stringify(event) }];
      const [{ partition, baseOffset }] = await producer.send({ topic, messages });
      const offsets = new Array<bigint>(partition + 1).fill(0n);
      offsets[partition] = BigInt(baseOffset!) + 1n;
      const frontier = encodeFrontier({ [log]: offsets });
      await untilAnswered(`${url}/api/v1/metrics/user_stats`, user, frontier);
      return performance.now() - sinceMs;
    })());
    await sleep(PROBE_EVERY_MS);
  }
  const took = await Promise.all(looking);
  await producer.disconnect();
  return took;
}

async function untilAnswered(metric: string, user: number, frontier: string): Promise<void> {
  for (;;) {
    const answer = await fetch(`${metric}?bucket=all&user_id=${user}&wait_for=${frontier}`);
    const { rows } = await answer.json();
    if (!answer.ok) continue; // the frontier is not reached yet
    if (rows.length === 1) return;
    throw new Error(`Cannot measure: user ${user} is not in an answer that covers it`);
  }
}
