/** The real engine over a folder, with its real API, in this process. */
import { database } from "./database.ts";
import { join } from "node:path";
import { createApp } from "../../routes/app.ts";
import { systemClock } from "../../runtime/std/clock.ts";
import { listen } from "../../runtime/commands/listen.ts";
import { readConfig } from "../../runtime/settings/config.ts";
import { type Engine, openEngine } from "../../runtime/engine/engine.ts";
import type { BatchRun, IngestAnswer, MetricAnswer, Status } from "../../runtime/ports/services.ts";
import { loadSite } from "./site.ts";
import { eventually } from "./eventually.ts";

/** The checkout. */
export const root = join(import.meta.dirname!, "..", "..");

/** A temporary folder below an ignored one of the project: modules in it find `twofold`. */
export async function folderInProject(name: string): Promise<string> {
  const dir = join(root, "dist");
  await Deno.mkdir(dir, { recursive: true });
  return await Deno.makeTempDir({ prefix: `twofold-${name}-`, dir });
}

/** No batch run happens by the clock: tests start them. */
export const NEVER = "0 0 29 2 *";

/** A block of many days is many files, each synced. */
const ARCHIVED_MS = 180_000;

/** A question waits 10 s at most for a frontier, which a busy machine may take longer to reach. */
const MOST_QUESTIONS = 12;

/** Options of {@link RunningEngine.open}. */
export interface RunningEngineOptions {
  readonly dir: string;
  /** Settings by flag. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Settings by variable. */
  readonly env?: Readonly<Record<string, string>>;
  /** The folder of `plugins/` and `sql/`. Default: the checkout. */
  readonly root?: string;
}

/** An engine that runs and listens. */
export class RunningEngine {
  private constructor(
    readonly engine: Engine,
    readonly url: string,
    /** What the engine survived, as it told it. */
    readonly faults: readonly string[],
    readonly shutdown: () => Promise<void>,
    /** How long what pages ask for is held back once it is answered, in milliseconds. */
    readonly pages: { delayMs: number },
  ) {}

  /** Opens, starts and listens on a free port, as `start` does. */
  static async open(options: RunningEngineOptions): Promise<RunningEngine> {
    const flags = {
      port: "0",
      data: options.dir,
      "batch-schedule": NEVER,
      "block-span": "1s",
      ...options.flags,
    };
    const config = readConfig({ command: "start", flags, env: options.env, database });
    const faults: string[] = [];
    const engine = await openEngine(config, {
      root: options.root ?? root,
      version: "test",
      onProblem: (message, error) => faults.push(`${message}: ${error}`),
    });
    const app = createApp(engine, await loadSite(), { report: () => {} });
    const pages = { delayMs: 0 };
    const answer = async (request: Request, info: Deno.ServeHandlerInfo) => {
      const response = await app.fetch(request, info);
      const isOfPage = !new URL(request.url).pathname.startsWith("/api/");
      if (isOfPage && pages.delayMs > 0) await systemClock.sleep(pages.delayMs);
      return response;
    };
    const listener = listen(answer, config, systemClock);
    engine.start();
    await engine.listening(listener.url);
    return new RunningEngine(engine, listener.url, faults, () => listener.shutdown(), pages);
  }

  /** Stops listening, flushes, lets the folder go. */
  async close(): Promise<void> {
    await this.shutdown();
    await this.engine.close();
  }

  /** Asks the API; any status but 200 is an error. */
  async get<Answer>(path: string): Promise<Answer> {
    const response = await fetch(new URL(path, this.url));
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${text}`);
    return JSON.parse(text);
  }

  status(): Promise<Status> {
    return this.get("/api/v1/status");
  }

  /** A metric's answer; a `wait_for` that one question does not await is asked again. */
  async metric(
    name: string,
    params: Readonly<Record<string, string | number>>,
  ): Promise<MetricAnswer> {
    const query = new URLSearchParams(
      Object.entries(params).map(([key, value]) => [key, String(value)]),
    );
    for (let questions = 1;; questions++) {
      try {
        return await this.get(`/api/v1/metrics/${name}?${query}`);
      } catch (error) {
        const isLate = String(error).includes("it has not come as far as wait_for");
        if (!isLate || questions === MOST_QUESTIONS) throw error;
      }
    }
  }

  /** Posts events as NDJSON. */
  async post(events: readonly unknown[], topic?: string): Promise<IngestAnswer> {
    const body = events.map((event) => JSON.stringify(event) + "\n").join("");
    const query = topic === undefined ? "" : `?topic=${topic}`;
    const response = await fetch(new URL(`/api/v1/events${query}`, this.url), {
      method: "POST",
      body,
      headers: { "content-type": "application/x-ndjson" },
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`POST answered ${response.status}: ${text}`);
    return JSON.parse(text);
  }

  /** Waits until ticks have closed all blocks and they are archived. */
  async allArchived(): Promise<void> {
    // A status asks the warehouse: looking all the time would slow down what is waited for.
    await eventually(
      "all blocks archived",
      () => this.status(),
      ({ topics }) =>
        topics.every(({ partitions }) =>
          partitions.every((of) => of.archived === of.log_end && of.lag_records === 0)
        ),
      { deadlineMs: ARCHIVED_MS, pauseMs: 250 },
    );
  }

  /** Waits for {@link allArchived}, then runs the batch layer of a topic. */
  async batch(
    options: { full?: boolean; topic?: string } = {},
  ): Promise<BatchRun | null> {
    await this.allArchived();
    const { topic = [...this.engine.batch.keys()][0], full } = options;
    const run = await this.engine.batch.get(topic)!.run({ full });
    const failed = run?.plugins.filter(({ status }) => status !== "published") ?? [];
    if (failed.length > 0) throw new Error(`The batch run failed: ${JSON.stringify(failed)}`);
    return run;
  }

  /** Rows of a statement. */
  sql<Row = Record<string, unknown>>(statement: string): Promise<Row[]> {
    return this.engine.warehouse.query<Row>(statement);
  }

  /** The one value of a statement. */
  async value(statement: string): Promise<unknown> {
    const [row] = await this.sql(statement);
    return Object.values(row)[0];
  }
}
