/** Workers with the four plugins on real servers, with a topic and tables of their own. */
import { join } from "node:path";
import { movieViewing } from "../plugins/movie_viewing.schema.ts";
import { encodeFrontier } from "../runtime/model/frontier.ts";
import { openServerWarehouse } from "../runtime/warehouse/server_warehouse.ts";
import { makeTopic, testKafka } from "../tests/support/kafka_topic.ts";
import { allServerSettings } from "../tests/support/server_settings.ts";
import { fourPlugins, root } from "./made_log.ts";
import { sleep, statusOf } from "./started_process.ts";

const PARTITIONS = 4;
const SESSION = "6s";
const LOOK_MS = 100, LOOKS = 50;
/** Names that begin so are the bench's. */
const PREFIX = "bench";

/** A worker that answers. */
export interface BenchWorker {
  readonly child: Deno.ChildProcess;
  readonly url: string;
  /** Writes a line to it. */
  tell(line: string): Promise<void>;
  /** The next line of JSON that it writes. */
  next<Line>(): Promise<Line>;
}

/** A topic of its own with everything around it. */
export class BenchCluster {
  readonly workers: BenchWorker[] = [];
  readonly prefix: string;
  readonly topic: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #dir: string;

  private constructor(prefix: string, env: Readonly<Record<string, string>>, dir: string) {
    this.prefix = prefix;
    this.topic = prefix + movieViewing.topic;
    this.#env = env;
    this.#dir = dir;
  }

  /** @param settings by variable, beside the servers'. */
  static async open(settings: Readonly<Record<string, string>> = {}): Promise<BenchCluster> {
    const unique = PREFIX + crypto.randomUUID().slice(0, 8);
    const env = {
      ...allServerSettings(),
      TWOFOLD_KAFKA_TICKS: "movie-viewing-events", // which is not made by Twofold
      TWOFOLD_KAFKA_PREFIX: `${unique}.`,
      TWOFOLD_S3_PREFIX: unique,
      TWOFOLD_CLICKHOUSE_DATABASE: unique,
      TWOFOLD_KAFKA_SESSION: SESSION,
      ...settings,
    };
    const dir = await Deno.makeTempDir({ prefix: "twofold-bench-" });
    await copyFourPlugins(dir);
    const cluster = new BenchCluster(env.TWOFOLD_KAFKA_PREFIX, env, dir);
    await makeTopic({ topic: cluster.topic, numPartitions: PARTITIONS });
    return cluster;
  }

  /** Starts workers and waits until the partitions are shared out among them. */
  async start(count: number): Promise<void> {
    for (let i = 0; i < count; i++) this.workers.push(await this.#spawn(i));
    const expected = PARTITIONS / count;
    for (const { url } of this.workers) {
      for (;;) {
        const { topics: [{ partitions }] } = await statusOf(url);
        if (partitions.filter(({ own }) => own).length === expected) break;
        await sleep(LOOK_MS);
      }
    }
  }

  /** The log's identity. */
  async log(): Promise<string> {
    return (await statusOf(this.workers[0].url)).topics[0].log;
  }

  /** Waits until the first worker's answers cover so many records, for every plugin. */
  async untilQueryable(records: number): Promise<void> {
    const [{ url }] = this.workers;
    const frontier = await this.#endOf(url, records);
    await Promise.all((await fourPlugins()).map(async ({ plugin: { name } }) => {
      const query = `bucket=all&limit=1&wait_for=${frontier}`;
      for (;;) {
        const answer = await fetch(`${url}/api/v1/metrics/${name}?${query}`);
        await answer.body?.cancel();
        if (answer.ok) return;
      }
    }));
  }

  /** Says that so many events were counted, or found to be repeats. */
  async expectCounted(events: number): Promise<void> {
    let counted = 0;
    for (let look = 0; look < LOOKS; look++) {
      const { topics: [{ partitions }] } = await statusOf(this.workers[0].url);
      counted = partitions.reduce((sum, of) => sum + of.events + of.repeats, 0);
      if (counted === events) return;
      await sleep(LOOK_MS); // of the others' partitions the status is a second old
    }
    throw new Error(`Cannot measure: ${events} events were sent, ${counted} are counted`);
  }

  /** The frontier at the log's end, once so many records are below it. */
  async #endOf(url: string, records: number): Promise<string> {
    for (;;) {
      const { topics: [{ log, partitions }] } = await statusOf(url);
      const offsets = partitions.map(({ log_end }) => BigInt(log_end));
      if (offsets.reduce((sum, end) => sum + end) >= records) {
        return encodeFrontier({ [log]: offsets });
      }
      await sleep(LOOK_MS / 5);
    }
  }

  /** Ends the workers and removes what they wrote. */
  async close(): Promise<void> {
    for (const { child } of this.workers) {
      child.kill("SIGTERM");
      await child.status;
    }
    const env = this.#env;
    const warehouse = await openServerWarehouse({
      url: env.TWOFOLD_CLICKHOUSE_URL,
      user: env.TWOFOLD_CLICKHOUSE_USER,
      password: env.TWOFOLD_CLICKHOUSE_PASSWORD,
      database: env.TWOFOLD_CLICKHOUSE_DATABASE,
    });
    await warehouse.command(`DROP DATABASE ${warehouse.database} SYNC`);
    await warehouse.close();
    const admin = testKafka().admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [this.topic] });
    await admin.disconnect();
    await Deno.remove(this.#dir, { recursive: true });
  }

  async #spawn(i: number): Promise<BenchWorker> {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", join(root, "bench/server_worker.ts"), this.#dir, `${this.#dir}/${i}`],
      env: this.#env,
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const lines = linesOf(child.stdout);
    const input = child.stdin.getWriter();
    const next = async <Line>() => JSON.parse((await lines.next()).value!) as Line;
    const { url } = await next<{ url: string }>();
    return {
      child,
      url,
      next,
      tell: (line) => input.write(new TextEncoder().encode(`${line}\n`)),
    };
  }
}

/** A folder to load plugins from in which there are no others. */
async function copyFourPlugins(dir: string): Promise<void> {
  await Deno.mkdir(join(dir, "plugins"));
  const files = (await fourPlugins()).map(({ file }) => file);
  for (const file of [...files, "plugins/movie_viewing.schema.ts"]) {
    await Deno.copyFile(join(root, file), join(dir, file));
  }
  for (const folder of ["sql", "islands"]) {
    await Deno.symlink(join(root, folder), join(dir, folder));
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
