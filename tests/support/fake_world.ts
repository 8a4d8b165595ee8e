import { projectRoot } from "./test_engine.ts";
import { fakeServices } from "./fake_services.ts";
import { noDrift } from "./sample_answers.ts";
import viewing from "../../plugins/viewing.source.ts";
import { nothingChanged } from "./reload_answer.ts";
import { ratingFormats, titleFormats } from "./movielens_formats.ts";
import type { Clock } from "../../runtime/std/clock.ts";
import type { Config } from "../../runtime/settings/config.ts";
import type { Owner, RunningEngine, Terminal, World } from "../../runtime/commands/world.ts";
import type { Source } from "../../runtime/source.ts";
import type { BatchRun, IngestAnswer, ReloadAnswer, Status } from "../../runtime/ports/services.ts";

/** A terminal that keeps what is written. */
export interface KeptTerminal extends Terminal {
  text(): string;
}

/** @param tty whether it acts as if a person watched. */
export function keptTerminal(tty = false): KeptTerminal {
  let kept = "";
  const decoder = new TextDecoder();
  return {
    tty,
    colours: false,
    columns: 80,
    closed: false,
    write: (text) => void (kept += typeof text === "string" ? text : decoder.decode(text)),
    text: () => kept,
  };
}

/** A clock whose sleepers wake at once, at the time they wanted. */
export function hastyClock(startMs = Date.UTC(2026, 0, 1)): Clock & { sleptMs: number } {
  const clock = {
    sleptMs: 0,
    now: () => startMs + clock.sleptMs,
    sleep: (ms: number) => {
      clock.sleptMs += ms;
      return new Promise<void>((resolve) => setTimeout(resolve, 0));
    },
  };
  return clock;
}

/**
 * Takes lines as the ingest does: those that are neither JSON nor, where ratings come, have four
 * fields, are told.
 */
export class FakeIngest {
  /** Every `event_id` that was taken, with how often. */
  readonly taken = new Map<string, number>();
  readonly topics = new Set<string | undefined>();
  readonly formats = new Set<string>();
  calls = 0;

  take(body: string, format: string, topic?: string): IngestAnswer {
    this.calls++;
    this.topics.add(topic);
    this.formats.add(format);
    let accepted = 0;
    const rejected: { line: number; field: string; reason: string }[] = [];
    body.split("\n").forEach((line, index) => {
      if (line.trim() === "") return;
      try {
        const event_id = format === "ndjson" ? JSON.parse(line).event_id : ratingOf(line);
        this.taken.set(event_id, (this.taken.get(event_id) ?? 0) + 1);
        accepted++;
      } catch {
        rejected.push({ line: index + 1, field: "", reason: "expected JSON" });
      }
    });
    const frontier = `local-1_${this.taken.size}_0`;
    return { accepted, rejected, rejected_total: rejected.length, frontier };
  }
}

/** A rating's line, which names it. */
function ratingOf(line: string): string {
  if (line.split(/::|[\t,]/).length !== 4) throw new SyntaxError("no rating");
  return line;
}

/** A status without faults, of one topic. */
export const fakeStatus: Status = {
  process: "3f9a1c2b",
  version: "0.1.0",
  started: "2026-01-01T00:00:00.000Z",
  roles: ["ingest", "speed", "archive", "batch", "serve"],
  ready: true,
  problems: [],
  unreached: [],
  sql: { running: 0, waiting: 0, stuck: 0, stuck_total: 0 },
  scrub: null,
  topics: [{
    topic: "movie-viewing-events",
    log: "local-1",
    redecoding: null,
    partitions: [{
      partition: 0,
      log_start: "0",
      log_end: "1234567",
      speed_frontier: "1234567",
      archived: "1234500",
      cut: "1234000",
      lag_records: 0,
      watermark: "2026-01-01T00:00:00.000Z",
      events: 1234000,
      late_events: 12,
      future_events: 0,
      last_event: "2026-01-01T00:00:00.000Z",
      repeats: 3,
      dead_letters: 1,
      own: true,
      error: null,
    }],
  }],
  plugins: [{
    plugin: "ratings",
    topic: "movie-viewing-events",
    generation: "g1",
    answering: "g1",
    rebuilding: null,
    state: "running",
    error: null,
    speed_rows: 42,
    run: 7,
    ...noDrift,
    batch: {
      published: "2026-01-01T00:00:01.000Z",
      failing_since: null,
      error: null,
      under_way: null,
    },
  }],
};

/** A run of one plugin that went well. */
export const fakeRun: BatchRun = {
  topic: "movie-viewing-events",
  run: 8,
  started: "2026-01-01T00:00:00.000Z",
  finished: "2026-01-01T00:00:01.500Z",
  state: "published",
  cut: { "local-1": [5n] },
  plugins: [{
    plugin: "ratings",
    status: "published",
    mode: "full",
    rows: 10_506,
    days: 186,
    daysDone: 186,
    events: 70_000,
    bytes: 2 ** 20,
    seconds: 1.25,
    drift: 0,
    notCompared: null,
    unseenRepeats: 0,
    error: "",
  }],
};

/** An engine that counts what is asked of it. */
export class FakeEngine implements RunningEngine {
  readonly source = new FakeIngest();
  readonly done: string[] = [];
  run: BatchRun | null = fakeRun;

  readonly ingest = {
    ingest: async (body: ReadableStream<Uint8Array>, format: string, topic?: string) =>
      this.source.take(
        await new Response(body as ReadableStream<Uint8Array<ArrayBuffer>>).text(),
        format,
        topic,
      ),
  };
  readonly #services = fakeServices();
  /** What its services were asked. */
  readonly asked = this.#services.asked;
  readonly serving = this.#services.serving;
  readonly records = this.#services.records;
  readonly drifts = this.#services.drifts;
  readonly deadLetters = this.#services.deadLetters;
  readonly catalogs = this.#services.catalogs;
  readonly plugins = this.#services.plugins;
  readonly islands = this.#services.islands;
  readonly formats = this.#services.formats;
  readonly lifecycle = this.#services.lifecycle;
  readonly sql = this.#services.sql;
  readonly pageSql = this.#services.pageSql;
  readonly verification = this.#services.verification;
  readonly batch = new Map([["movie-viewing-events", {
    running: false,
    ended: 0,
    history: () => Promise.resolve([]),
    drift: () => Promise.resolve([]),
    cancel: (run: number, by: string) => {
      this.done.push(`cancel ${run} by ${by}`);
      return Promise.resolve({ ...fakeRun, run, state: "cancelled" as const });
    },
    run: ({ full = false } = {}) => {
      this.done.push(full ? "batch --full" : "batch");
      return Promise.resolve(this.run);
    },
  }]]);
  status = () => Promise.resolve(fakeStatus);
  memory = this.#services.memory;
  newestRuns = () => Promise.resolve([]);
  prunePlugins = () => Promise.resolve(["batch_gone"]);
  reloadPlugins = (): Promise<ReloadAnswer> => {
    this.done.push("reload");
    return Promise.resolve({ ...nothingChanged, added: ["stars"] });
  };
  /** Tells the command that opened it the sources of the plugins. */
  useSources: (sources: readonly Source[]) => void = () => {};
  onProblem: (message: string, error: unknown) => void = () => {};
  start = () => void this.done.push("start");
  listening = (url: string) => Promise.resolve(void this.done.push(`listening ${url}`));
  close = () => Promise.resolve(void this.done.push("close"));
}

/** A world of fakes. */
export interface FakeWorld extends World {
  readonly out: KeptTerminal;
  readonly err: KeptTerminal;
  readonly engine: FakeEngine;
  readonly clock: ReturnType<typeof hastyClock>;
  /** What an interrupt does. */
  interrupt(): void;
  /** The settings that an engine was opened with. */
  readonly configs: Config[];
}

/**
 * A world in which no process owns the data folder, unless said otherwise.
 *
 * @param changes what differs.
 */
export function fakeWorld(
  changes: Partial<Omit<World, "clock">> & { owner?: () => Owner | null } = {},
): FakeWorld {
  const stop = new AbortController();
  const engine = new FakeEngine();
  const configs: Config[] = [];
  const { owner = () => null, ...others } = changes;
  return {
    openEngine: (config, { onSources, onProblem }) => {
      configs.push(config);
      engine.onProblem = onProblem ?? engine.onProblem;
      engine.useSources = onSources ?? engine.useSources;
      engine.useSources([viewing]);
      return Promise.resolve(engine);
    },
    serve: () =>
      Promise.resolve({
        url: "http://127.0.0.1:8000",
        shutdown: () => Promise.resolve(void engine.done.push("shutdown")),
      }),
    inspect: {
      library: () => "/lib/libchdb.so",
      plugins: () =>
        Promise.resolve({ plugins: ["popular_movies", "ratings"], topics: [], faults: [] }),
      schemas: () => Promise.resolve([]),
      async *servers() {},
    },
    inputs: () =>
      Promise.resolve({
        formats: ratingFormats,
        catalogFormats: titleFormats,
        sources: [viewing],
        faults: [],
      }),
    async *reloadRequests() {},
    readOwner: () => Promise.resolve(owner()),
    hasFolder: () => Promise.resolve(true),
    env: {},
    readText: Deno.readTextFile,
    input: () => ReadableStream.from([]),
    version: "0.1.0",
    database: "test",
    root: projectRoot,
    standalone: false,
    ask: null,
    runDeno: () => Promise.resolve(0),
    stop: stop.signal,
    ...others,
    clock: hastyClock(),
    out: keptTerminal(),
    err: keptTerminal(),
    engine,
    configs,
    interrupt: () => stop.abort(),
  };
}
