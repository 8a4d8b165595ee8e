/** The three servers, each behind a proxy that can be told to fail. */
import { FaultProxy } from "./fault_proxy.ts";
import { serverSetting } from "./server_settings.ts";
import { Cluster } from "./workers.ts";

/** Proxies in front of all servers. */
export class ServerProxies {
  readonly kafka = new FaultProxy(`tcp://${serverSetting("TWOFOLD_KAFKA_BROKERS")}`, {
    kafka: true,
  });
  readonly s3 = new FaultProxy(serverSetting("TWOFOLD_S3_ENDPOINT"));
  readonly clickhouse = new FaultProxy(serverSetting("TWOFOLD_CLICKHOUSE_URL"));

  /** All of them. */
  get all(): readonly FaultProxy[] {
    return [this.kafka, this.s3, this.clickhouse];
  }

  /** Settings of a worker that reaches every server through them. */
  get env(): Record<string, string> {
    return {
      TWOFOLD_KAFKA_BROKERS: `127.0.0.1:${this.kafka.port}`,
      TWOFOLD_S3_ENDPOINT: this.s3.url,
      TWOFOLD_CLICKHOUSE_URL: this.clickhouse.url,
    };
  }

  close(): void {
    for (const proxy of this.all) proxy.close();
  }
}

/** Runs a test on workers that reach the servers through proxies, and ends what it leaves. */
export async function behindProxies(
  partitions: number,
  test: (cluster: Cluster, proxies: ServerProxies) => Promise<void>,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const proxies = new ServerProxies();
  const cluster = await Cluster.open({ partitions, env: { ...proxies.env, ...env } });
  try {
    await test(cluster, proxies);
  } finally {
    await cluster.close();
    proxies.close();
  }
}
