/** Opens what the settings say: servers, or everything in the data folder. */
import { join } from "node:path";
import { makeFolders } from "../archive/durable_file.ts";
import { openLocalStore } from "../archive/local_store.ts";
import type { Clock } from "../std/clock.ts";
import type { Config } from "../settings/config.ts";
import { retry } from "../std/errors.ts";
import { DEFAULT_PARTITIONS } from "../log/partitioner.ts";
import { openSqliteLog } from "../log/sqlite_log.ts";
import type { EventLog, Membership, ObjectStore, Warehouse } from "../ports/ports.ts";
import type { ProblemSink } from "../model/problems.ts";
import { singleMember } from "../ports/single_member.ts";
import { openEmbeddedWarehouse } from "../warehouse/embedded_warehouse.ts";
import { groupIdOf, kafkaAccessOf, s3OptionsOf, warehouseOptionsOf } from "./server_access.ts";

/** The ports, open. */
export interface Adapters {
  readonly store: ObjectStore;
  readonly warehouse: Warehouse;
  readonly openLog: (topic: string) => Promise<EventLog>;
  /** This process's part in the work over a log. */
  readonly openMembership: (log: EventLog) => Membership;
  /** Whether ticks are written to the log of a topic, which has been opened. */
  readonly takesTicks: (topic: string) => Promise<boolean>;
  /** Lets go of the store, which has nothing to flush. */
  readonly closeStore: () => void;
}

/**
 * Opens store and warehouse. The clients of servers are loaded where a setting asks for them, so
 * that a start without servers is as quick as if there were none.
 *
 * @param opened takes what has to be closed if a later step fails.
 * @throws UserError or ExternalError when something cannot be opened.
 */
export async function openAdapters(
  config: Config,
  clock: Clock,
  opened: { close(): unknown }[],
  problems: ProblemSink,
): Promise<Adapters> {
  const { store, introduce, closeStore } = await openStore(config, clock);
  opened.push({ close: closeStore });
  const warehouse = await openWarehouse(config);
  opened.push(warehouse);
  await introduce(warehouse);
  const logs = config.kafkaBrokers === null
    ? await localLogs(config, clock, problems)
    : await kafkaLogs(config, clock);
  return { store, warehouse, ...logs, closeStore };
}

/** The store of the archive, open. */
export interface OpenStore {
  readonly store: ObjectStore;
  /** Tells the warehouse how to read the store. */
  readonly introduce: (warehouse: Warehouse) => Promise<void>;
  readonly closeStore: () => void;
}

const localArchive = ({ dataDir }: Config) => join(dataDir, "archive");

/** Whether the data folder holds an archive. */
export async function hasLocalArchive(config: Config): Promise<boolean> {
  return await Deno.stat(localArchive(config)).then(() => true, () => false);
}

/**
 * Opens the store of the archive: the bucket, or a folder of the data folder, which is made.
 *
 * @throws UserError or ExternalError when it cannot be opened.
 */
export async function openStore(config: Config, clock: Clock): Promise<OpenStore> {
  if (config.s3Endpoint === null) {
    await makeFolders(config.dataDir, localArchive(config));
    const store = await openLocalStore(localArchive(config));
    return { store, introduce: () => Promise.resolve(), closeStore: () => {} };
  }
  const { openS3Store } = await import("../archive/s3_store.ts");
  const store = await openS3Store(await s3OptionsOf(config, clock));
  return {
    store,
    introduce: (warehouse) => store.introduceTo(warehouse),
    closeStore: () => store.close(),
  };
}

async function openWarehouse(config: Config): Promise<Warehouse> {
  const { memoryLimitBytes, clickhouseDatabase: database } = config;
  if (config.clickhouseUrl === null) {
    return await openEmbeddedWarehouse({
      dir: join(config.dataDir, "warehouse"),
      database,
      memoryLimitBytes,
      libraryPath: config.libchdbPath ?? undefined,
    });
  }
  const { openServerWarehouse } = await import("../warehouse/server_warehouse.ts");
  return await openServerWarehouse(await warehouseOptionsOf(config));
}

type Logs = Pick<Adapters, "openLog" | "openMembership" | "takesTicks">;

async function localLogs(config: Config, clock: Clock, problems: ProblemSink): Promise<Logs> {
  const { dataDir, region } = config;
  const partitions = config.partitions ?? undefined;
  await makeFolders(dataDir, join(dataDir, "log"));
  return {
    openLog: (topic) => {
      const path = join(dataDir, "log", `${topic}.sqlite`);
      const onFailed = ({ message }: Error) =>
        problems.set({ code: "log_failed", subject: topic, message, blocking: true, topic });
      const options = { path, topic, partitions, region, clock, onFailed };
      return Promise.resolve(openSqliteLog(options));
    },
    openMembership: (log) => singleMember(log, clock),
    takesTicks: () => Promise.resolve(true),
  };
}

async function kafkaLogs(config: Config, clock: Clock): Promise<Logs> {
  const { openKafkaLog } = await import("../log/kafka/kafka_log.ts");
  const { takesTicks } = await import("../log/kafka/made_topic.ts");
  const { KafkaMembership } = await import("../log/kafka/kafka_membership.ts");
  const { kafkaPrefix, roles } = config;
  const access = await kafkaAccessOf(config, clock);
  return {
    openLog: (topic) =>
      openKafkaLog({
        access,
        topic,
        prefix: kafkaPrefix,
        region: config.region,
        createWith: { partitions: config.partitions ?? DEFAULT_PARTITIONS },
        compression: config.kafkaCompression,
        clock,
      }),
    openMembership: (log) =>
      // Tables of its own cannot hold what others have counted.
      config.clickhouseUrl === null ? singleMember(log, clock) : new KafkaMembership({
        access,
        topic: kafkaPrefix + log.topic,
        groupId: groupIdOf(config, log.topic),
        sessionMs: config.kafkaSessionMs,
        roles,
        partitionCount: () => log.partitionCount(),
        clock,
      }),
    // Brokers learn of a topic just made one after the other.
    takesTicks: (topic) =>
      retry(() => takesTicks(config.kafkaTicks, { access, topic, prefix: kafkaPrefix }), {
        sleep: (ms) => clock.sleep(ms),
      }),
  };
}
