/** The made-up events of a process: those of its sources, each in a feed of its own. */
import type { Config } from "../settings/config.ts";
import type { MadeEvents, Source } from "../source.ts";
import { feed } from "../sources/feed.ts";
import type { Clock } from "../std/clock.ts";
import type { Log } from "./log_lines.ts";
import type { RunningEngine } from "./world.ts";

/** Wait before a source tries a log again that does not take events. */
const REFUSED_MS = 1000;

/** A source whose events are sent. */
interface Feed {
  readonly source: Source;
  readonly stop: AbortController;
  /** Settles when nothing more is sent. Never rejects. */
  readonly ended: Promise<void>;
}

/** Sends events of sources, which may change meanwhile. */
export class Feeds {
  readonly #config: Config;
  readonly #clock: Clock;
  readonly #log: Log;
  #sources: readonly Source[] = [];
  #feeds: readonly Feed[] = [];
  #engine: RunningEngine | null = null;

  constructor(config: Config, clock: Clock, log: Log) {
    this.#config = config;
    this.#clock = clock;
    this.#log = log;
  }

  get sources(): readonly Source[] {
    return this.#sources;
  }

  /** Begins to send events. Called once. */
  start(engine: RunningEngine): void {
    this.#engine = engine;
    this.use(this.#sources);
  }

  /**
   * Sends events of these sources from now on. One that is another object than before starts anew,
   * once what the former ones were sending is in the log; one that is the same goes on.
   */
  use(sources: readonly Source[]): void {
    this.#sources = sources;
    const engine = this.#engine;
    if (engine === null) return;
    const ending = this.#feeds.filter(({ source }) => !sources.includes(source));
    for (const { stop } of ending) stop.abort();
    const ended = Promise.all(ending.map((feed) => feed.ended));
    this.#feeds = sources.map((source) => {
      const found = this.#feeds.find((feed) => feed.source === source);
      if (found !== undefined) return found;
      const stop = new AbortController();
      return { source, stop, ended: ended.then(() => this.#send(engine, source, stop.signal)) };
    });
  }

  /** Sends no more events. @returns when the last are in the log. */
  async stop(): Promise<void> {
    const feeds = this.#feeds;
    this.use([]);
    this.#engine = null;
    await Promise.all(feeds.map(({ ended }) => ended));
  }

  /** Sends events of a source until `signal` aborts. One that throws ends alone. */
  async #send(engine: RunningEngine, source: Source, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { name, source: { topic } } = source;
    const [log, clock] = [this.#log, this.#clock];
    let refused = false;
    const send = async ({ ndjson }: MadeEvents) => {
      try {
        await engine.ingest.ingest(new Blob([ndjson]).stream(), "ndjson", topic);
        if (refused) log("info", `events of the source ${name} are taken again`);
        refused = false;
      } catch (error) {
        if (!refused) log("warn", `events of the source ${name} are not taken`, error);
        refused = true;
        await clock.sleep(REFUSED_MS, signal);
      }
    };
    await this.#fillCatalog(engine, source);
    const { simulatorRate: rate } = this.#config;
    try {
      for await (const made of feed({ source, rate, clock, signal })) await send(made);
    } catch (error) {
      log("error", `the source ${name} has ended`, error);
    }
  }

  /** Puts a source's rows into its catalog, unless that has rows already. */
  async #fillCatalog({ catalogs }: RunningEngine, { name, catalog }: Source): Promise<void> {
    if (catalog === undefined) return;
    try {
      const found = (await catalogs.list()).find((each) => each.name === catalog.of.name);
      if (found === undefined || found.rows > 0) return;
      const lines = Array.from(catalog.rows(), (row) => `${JSON.stringify(row)}\n`);
      await catalogs.put(found.name, new Blob(lines).stream(), "ndjson");
    } catch (error) {
      const of = catalog.of.name;
      this.#log("warn", `Cannot fill the catalog ${of} with the rows of source ${name}`, error);
    }
  }
}
