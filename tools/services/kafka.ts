/** Apache Kafka from its published jars: one node that is broker and controller (KRaft). */
import { join } from "node:path";
import { type Endpoint, exists, type Launch, run, type Service } from "./service.ts";

const VERSION = "4.1.1";
const HEAP = "-Xmx512m";

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>twofold</groupId>
  <artifactId>kafka-jars</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka-tools</artifactId>
      <version>${VERSION}</version>
    </dependency>
  </dependencies>
</project>
`;

/** Options of {@link kafkaNode}. */
export interface KafkaNodeOptions {
  /** Lines of `server.properties` that are added, or take the place of others. */
  readonly properties?: (at: Endpoint) => Readonly<Record<string, string>>;
  /** Ports that `properties` uses beside the one at which the broker is reached. Default 0. */
  readonly morePorts?: number;
  /** What the storage is formatted with beside the cluster's id: `--add-scram …`. */
  readonly formatArgs?: readonly string[];
}

/** A real Kafka broker. */
export const kafka: Service = kafkaNode();

/** A Kafka broker with settings of its own. */
export function kafkaNode(options: KafkaNodeOptions = {}): Service {
  const { properties = () => ({}), morePorts = 0, formatArgs = [] } = options;
  return {
    name: "kafka",
    title: `Apache Kafka ${VERSION}`,
    needs: [
      { name: "java", debianPackage: "openjdk-17-jre-headless" },
      { name: "mvn", debianPackage: "maven" },
    ],
    innerPortCount: 1 + morePorts,
    hasPassword: false,
    install,
    async launch(cache, data, at) {
      const path = join(data, "server.properties");
      const jars = join(folderIn(cache), "jars", "*");
      await Deno.mkdir(data, { recursive: true });
      await Deno.writeTextFile(path, textOf({ ...propertiesOf(data, at), ...properties(at) }));
      if (!await exists(join(data, "log", "meta.properties"))) {
        const format = ["format", "--cluster-id", clusterId(), "--config", path, ...formatArgs];
        await run(java(jars, data, "kafka.tools.StorageTool", format));
      }
      return java(jars, data, "kafka.Kafka", [path]);
    },
    async isReady({ port }) {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      connection.close();
      return true;
    },
    settings: ({ port }) => ({ TWOFOLD_KAFKA_BROKERS: `127.0.0.1:${port}` }),
  };
}

async function install(cache: string): Promise<void> {
  const folder = folderIn(cache);
  if (await exists(join(folder, "jars"))) return;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(join(folder, "pom.xml"), POM);
  const incoming = await Deno.makeTempDir({ dir: folder, prefix: "incoming-" });
  const copy = ["dependency:copy-dependencies", `-DoutputDirectory=${incoming}`];
  await run({ program: "mvn", args: ["-B", "-q", "-f", join(folder, "pom.xml"), ...copy] });
  await Deno.rename(incoming, join(folder, "jars"));
}

/** One of Kafka's own command-line tools, by its Java class. */
export function kafkaTool(cache: string, main: string, args: readonly string[]): Launch {
  const options = [HEAP, "-XX:TieredStopAtLevel=1"];
  return {
    program: "java",
    args: [...options, "-cp", join(folderIn(cache), "jars", "*"), main, ...args],
  };
}

function folderIn(cache: string): string {
  return join(cache, `kafka-${VERSION}-tools`);
}

function java(jars: string, data: string, main: string, args: readonly string[]): Launch {
  const options = [HEAP, "-XX:TieredStopAtLevel=1", `-Dkafka.logs.dir=${data}`];
  return { program: "java", args: [...options, "-cp", jars, main, ...args] };
}

/** 16 random bytes as Kafka writes them. */
function clusterId(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toBase64({ alphabet: "base64url" })
    .replaceAll("=", "").replace(/^-/, "A");
}

/** Durable settings would cost tests their speed; what is tested is the client. */
function propertiesOf(data: string, { port, innerPorts: [controllerPort] }: Endpoint) {
  return {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.quorum.voters": `1@127.0.0.1:${controllerPort}`,
    "listeners": `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "controller.listener.names": "CONTROLLER",
    "log.dirs": join(data, "log"),
    "auto.create.topics.enable": false,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 4,
    "group.initial.rebalance.delay.ms": 0,
    // Retention counts from a record's own time, which may be of years ago in a test.
    "log.retention.ms": -1,
    "log.retention.check.interval.ms": 1000,
    "log.segment.delete.delay.ms": 1000,
    "log.cleaner.backoff.ms": 500,
    "log.initial.task.delay.ms": 1000,
  };
}

function textOf(properties: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(properties).map(([name, value]) => `${name}=${value}\n`).join("");
}
