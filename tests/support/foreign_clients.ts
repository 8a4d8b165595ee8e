/** Programs that no one here wrote, which speak to Kafka or read what Twofold wrote. */
import { join } from "node:path";
import { kafkaTool } from "../../tools/services/kafka.ts";
import { installPythonClients } from "../../tools/services/python_clients.ts";
import { cacheFolder, type Program, requirePrograms } from "../../tools/services/service.ts";
import { fetchRequest } from "../../runtime/log/kafka/requests.ts";
import { KafkaCluster } from "../../runtime/log/kafka/kafka_cluster.ts";
import { kafkaAccess } from "./kafka_topic.ts";

const SCRIPTS = join(import.meta.dirname!, "clients");
const KCAT: Program = { name: "kcat", debianPackage: "kcat" };
const PROMTOOL: Program = { name: "promtool", debianPackage: "prometheus" };

/** A record as the Python producers take it. */
export interface ClientRecord {
  readonly key: string;
  /** null is a tombstone. */
  readonly value: string | null;
}

/**
 * Runs a program to its end.
 *
 * @returns what it wrote to standard output.
 * @throws Error with what it wrote to standard error, when it ends with anything but 0.
 */
async function run(program: string, args: readonly string[], input = ""): Promise<string> {
  const child = new Deno.Command(program, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  // A program that does not read its input to the end tells by its exit code whether that is right.
  const written = writer.write(new TextEncoder().encode(input)).then(() => writer.close())
    .catch(() => {});
  const { code, stdout, stderr } = await child.output();
  await written;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (code === 0) return text(stdout);
  throw new Error(`${program} ended with ${code}: ${text(stderr)}${text(stdout)}`);
}

/** Runs kcat on the test cluster. */
export async function kcat(args: readonly string[], input?: string): Promise<string> {
  await requirePrograms("This test", [KCAT]);
  return await run("kcat", ["-q", "-b", kafkaAccess().brokers.join(), ...args], input);
}

/** Runs promtool. */
export async function promtool(args: readonly string[], input?: string): Promise<string> {
  await requirePrograms("This test", [PROMTOOL]);
  return await run("promtool", args, input);
}

/** Runs a script of `tests/support/clients/` with the packages that it needs. */
export async function python(
  script: string,
  args: readonly string[],
  input?: string,
): Promise<string> {
  return await run(
    await installPythonClients(cacheFolder()),
    [join(SCRIPTS, script), ...args],
    input,
  );
}

/** Sends records to the test cluster with a script. @returns how many were acknowledged. */
export async function produceByPython(
  script: string,
  topic: string,
  records: readonly ClientRecord[],
  ...more: string[]
): Promise<number> {
  const input = records.map((record) => JSON.stringify(record) + "\n").join("");
  return Number(await python(script, [kafkaAccess().brokers.join(), topic, ...more], input));
}

/** What Kafka's own tool tells of a group's partition. */
export interface GroupLag {
  readonly partition: number;
  readonly committed: number;
  readonly logEnd: number;
  readonly lag: number;
}

/** Asks Kafka's `kafka-consumer-groups.sh --describe`. */
export async function groupLag(groupId: string): Promise<GroupLag[]> {
  const { program, args } = kafkaTool(
    cacheFolder(),
    "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    ["--bootstrap-server", kafkaAccess().brokers.join(), "--describe", "--group", groupId],
  );
  const lines = (await run(program, args)).split("\n").map((line) => line.trim().split(/\s+/));
  return lines.filter(([group]) => group === groupId)
    .map(([, , partition, committed, logEnd, lag]) => ({
      partition: Number(partition),
      committed: Number(committed),
      logEnd: Number(logEnd),
      lag: Number(lag),
    }))
    .sort((a, b) => a.partition - b.partition);
}

const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"];
const LENGTH_AT = 8, ATTRIBUTES_AT = 21, CODEC_BITS = 7;

/** How the batches are compressed that a broker keeps of a topic's first partition. */
export async function codecsOf(topic: string): Promise<string[]> {
  const cluster = await KafkaCluster.connect(kafkaAccess(), topic);
  try {
    const { id: topicId } = await cluster.metadata();
    await cluster.refresh();
    const [leader] = cluster.leaders([0]).keys();
    const positions = [{ partition: 0, from: 0n, maxBytes: 2 ** 20 }];
    const [{ records }] = await cluster.ask(
      leader,
      fetchRequest({ topicId, positions, maxWaitMs: 0 }),
    );
    const found = new Set<string>();
    for (let at = 0; at < records.length; at += 12 + records.readInt32BE(at + LENGTH_AT)) {
      found.add(CODECS[records.readInt16BE(at + ATTRIBUTES_AT) & CODEC_BITS]);
    }
    return [...found];
  } finally {
    await cluster.close();
  }
}
