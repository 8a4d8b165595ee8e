import { ratingFormats } from "./movielens_formats.ts";
import { formatsOf } from "../../runtime/row_format.ts";
import { NotFoundError } from "../../runtime/std/errors.ts";
import type {
  AnswerColumn,
  BatchRun,
  DeadLetter,
  DriftAcceptance,
  DriftDay,
  IngestOptions,
  MetricAnswer,
  MetricInfo,
  MetricQuery,
  ProcessMemory,
  RecordView,
  RedriveRequest,
  SeriesAnswer,
  Services,
  SqlAnswer,
  SqlConsole,
  SqlOptions,
  Status,
} from "../../runtime/ports/services.ts";

/** A metric's description. */
export const moviesInfo: MetricInfo = {
  name: "popular_movies",
  version: 1,
  summary: "Views per movie",
  topic: "movies",
  title: "Popular movies",
  chart: "bar",
  by: "movie_id",
  sort: "-view_count",
  window_seconds: 10,
  grain: "hour",
  grain_seconds: 3600,
  measures: ["view_count"],
  needs_from: false,
  series_measures: ["view_count"],
  keys: [{ name: "movie_id", type: "uint32" }],
  units: {},
  layers: { merged: ["all"], batch: ["all"], speed: ["window", "all"] },
};

/** An answer of two rows. */
export const moviesAnswer: MetricAnswer = {
  metric: "popular_movies",
  layer: "merged",
  cut: "local-1_256",
  frontier: "local-1_300",
  kept_from: null,
  kept_until: null,
  generation: "v1_00000000",
  frozen_at: null,
  rebuilding: null,
  not_compared: null,
  problems: [],
  columns: [{ name: "movie_id", type: "uint32" }, { name: "view_count", type: "integer" }],
  rows: [{ movie_id: 7, view_count: 12345 }, { movie_id: 9, view_count: 6 }],
  next: null,
};

/** A series of three buckets. */
export const moviesSeries: SeriesAnswer = {
  metric: "popular_movies",
  layer: "merged",
  cut: "local-1_256",
  frontier: "local-1_300",
  generation: "v1_00000000",
  frozen_at: null,
  rebuilding: null,
  not_compared: null,
  problems: [],
  kept_from: null,
  kept_until: null,
  measure: "view_count",
  unit: null,
  bucket_seconds: 3600,
  time: [1_704_067_200, 1_704_070_800, 1_704_074_400],
  series: [{ key: null, values: [3, null, 5], batch: [3, null, 2], speed: [null, null, 3] }],
  parts: "values",
  covered: { share: 256 / 300, until: null },
  beyond: null,
};

/** A record of each kind. */
export const someRecords: readonly RecordView[] = [
  {
    topic: "movies",
    partition: 0,
    offset: "9",
    append_time: "2024-01-01T00:00:03.000Z",
    kind: "event",
    event: { event_id: "a", user_id: 7 },
    text: '{"event_id":"a"}',
  },
  {
    topic: "movies",
    partition: 0,
    offset: "8",
    append_time: "2024-01-01T00:00:02.000Z",
    kind: "tick",
    event: null,
    text: "",
  },
];

/** A dead letter. */
export const someDeadLetter: DeadLetter = {
  topic: "movies",
  log: "local-1",
  partition: 0,
  offset: "5",
  append_time: "2024-01-01T00:00:01.000Z",
  field: "rating",
  size_bytes: 7,
  reason: "rating must be at most 10, got 11",
  preview: "{broken",
  redriven: null,
};

const someLetterBytes = new Uint8Array([123, 255, 110, 0, 107]);

/** The columns of the catalog of movies. */
export const catalogColumns: readonly AnswerColumn[] = [
  { name: "movie_id", type: "uint32" },
  { name: "title", type: "string" },
  { name: "genres", type: "list" },
];

/** A run. */
export const someRun: BatchRun = {
  topic: "movies",
  run: 3,
  cut: { "local-1": [256n, 0n] },
  started: "2024-01-01T00:00:00.000Z",
  finished: "2024-01-01T00:00:02.000Z",
  state: "published",
  plugins: [{
    plugin: "popular_movies",
    status: "published",
    mode: "full",
    rows: 10,
    days: 2,
    daysDone: 2,
    events: 1200,
    bytes: 4096,
    seconds: 1.5,
    drift: 0,
    notCompared: null,
    unseenRepeats: 0,
    error: "",
  }],
};

/** A plugin without drift. */
export const noDrift = {
  drift: 0,
  drifting_days: 0,
  accepted_days: 0,
  waiting_days: 0,
  not_compared: null,
} as const;

/** A day that drifts. */
export const someDriftDay: DriftDay = {
  topic: "movies",
  metric: "popular_movies",
  generation: "v1_x",
  day: "2024-01-01",
  state: "differs",
  reason: null,
  message: "",
  since: "2024-01-01T00:00:02.000Z",
  run: 3,
  differing_cells: 1,
  difference: 0.25,
  not_comparable: 0,
  accepted: null,
  cells: [{
    bucket: "2024-01-01T00:00:00Z",
    key: { movie_id: "7" },
    measures: [{ measure: "view_count", speed: "3.25", batch: "3", difference: 0.25 }],
  }],
  differs_since: "2024-01-01T00:00:02.000Z",
};

/** Memory of two threads, and of the engine. */
export const someMemory: ProcessMemory = {
  resident_bytes: 440_000_000,
  anonymous_bytes: 180_000_000,
  parts: [
    { part: "heap_used", thread: "main", bytes: 30_000_000 },
    { part: "heap_used", thread: "engine", bytes: 10_000_000 },
    { part: "engine", thread: null, bytes: 60_000_000 },
    { part: "other", thread: null, bytes: 80_000_000 },
    { part: "files", thread: null, bytes: 260_000_000 },
    { part: "shared", thread: null, bytes: 0 },
  ],
};

/** A status with one topic of one partition. */
export const someStatus: Status = {
  process: "3f9a1c2b",
  version: "1.0.0",
  started: "2024-01-01T00:00:00.000Z",
  ready: true,
  problems: [],
  unreached: [],
  scrub: null,
  roles: ["ingest", "speed", "archive", "batch", "serve"],
  topics: [{
    topic: "movies",
    log: "local-1",
    redecoding: null,
    partitions: [{
      own: true,
      partition: 0,
      log_start: "0",
      log_end: "310",
      speed_frontier: "300",
      archived: "256",
      cut: "256",
      lag_records: 10,
      events: 300,
      late_events: 2,
      future_events: 0,
      last_event: "2024-01-01T00:00:00.000Z",
      watermark: "2024-01-01T00:00:00.000Z",
      repeats: 1,
      dead_letters: 0,
      error: null,
    }],
  }],
  plugins: [{
    plugin: "popular_movies",
    topic: "movies",
    generation: "v1_x",
    state: "running",
    answering: "v1_x",
    rebuilding: null,
    error: null,
    speed_rows: 10,
    run: 3,
    ...noDrift,
    batch: {
      published: "2024-01-01T00:00:02.000Z",
      failing_since: null,
      error: null,
      under_way: null,
    },
  }],
  sql: { running: 1, waiting: 0, stuck: 0, stuck_total: 0 },
};

/** One row of one column. */
export const someSqlAnswer: SqlAnswer = {
  columns: [{ name: "one", type: "UInt8" }],
  rows: [{ one: 1 }],
  truncated: false,
  next: null,
  seconds: 0.01,
};

/** A console with one answer; `asked` takes what it was asked. */
export function fakeSql(
  { columns, rows, ...end }: SqlAnswer,
  asked: Pick<FakeServices["asked"], "sql"> = {},
): SqlConsole {
  return {
    query(sql, options) {
      asked.sql = { sql, ...options };
      return Promise.resolve({ columns, rows, ...end });
    },
    open(sql, options) {
      asked.sql = { sql, ...options };
      const blocks = (async function* () {
        yield await Promise.resolve(rows);
        return end;
      })();
      return Promise.resolve({ columns, blocks });
    },
    load: someStatus.sql,
  };
}

/** Services that remember what they were asked. */
export interface FakeServices extends Services {
  readonly asked: {
    query?: { metric: string; query: MetricQuery; signal?: AbortSignal };
    ingest?: { text: string; format: string; topic?: string };
    options?: IngestOptions;
    run?: { full?: boolean };
    accept?: DriftAcceptance;
    redrive?: RedriveRequest;
    lifecycle?: readonly string[];
    cancelled?: { readonly run: number; readonly by: string };
    put?: { catalog: string; text: string; format: string };
    sql?: SqlOptions & { sql: string };
  };
}

/** Services with fixed answers; `over` replaces some. */
export function fakeServices(over: Partial<Services> = {}): FakeServices {
  const asked: FakeServices["asked"] = {};
  return {
    asked,
    serving: {
      metrics: () => [moviesInfo],
      position: () => Promise.resolve(""),
      query(metric, query, signal) {
        asked.query = { metric, query, signal };
        if (metric === moviesInfo.name) return Promise.resolve(moviesAnswer);
        return Promise.reject(new NotFoundError("There is no such metric", { field: "metric" }));
      },
      series: () => Promise.resolve(moviesSeries),
      live: (_metric, _query, { lastId }) =>
        Promise.resolve((async function* () {
          if (lastId !== "t-1") {
            yield { id: "t-1", kind: "snapshot" as const, answer: moviesAnswer, removed: [] };
          }
          const answer = { ...moviesAnswer, rows: [{ movie_id: 9, view_count: 7 }] };
          yield { id: "t-2", kind: "change" as const, answer, removed: [{ movie_id: 7 }] };
        })()),
    },
    records: {
      list: () => Promise.resolve({ items: someRecords, next: null, newest: "position" }),
    },
    drifts: {
      list: () => Promise.resolve({ items: [someDriftDay], next: null }),
      accept: (acceptance) => {
        asked.accept = acceptance;
        return Promise.resolve([someDriftDay.day]);
      },
    },
    deadLetters: {
      list: () => Promise.resolve({ items: [someDeadLetter], next: "more" }),
      one: () =>
        Promise.resolve({
          ...someDeadLetter,
          bytes: someLetterBytes,
          redrives: [{
            at: "2024-01-02T00:00:00.000Z",
            by: "ada",
            set: { rating: 10 },
            sent: true,
            event_id: "e5",
            event_time: "2024-01-01T00:00:00Z",
          }],
        }),
      reasons: () =>
        Promise.resolve([{
          topic: "movies",
          field: "rating",
          reason: "rating must be at most 10",
          letters: 1200,
          first: "2024-01-01T00:00:01.000Z",
          last: "2024-01-02T00:00:01.000Z",
        }]),
      async *each() {
        yield [{ ...someDeadLetter, bytes: someLetterBytes }];
      },
      redrive(request) {
        asked.redrive = request;
        return Promise.resolve({
          dry_run: request.dry_run ?? false,
          letters: 2,
          decodable: 1,
          repeated: 0,
          sent: request.dry_run ? 0 : 1,
          refused_total: 1,
          frontier: "local-1_301",
          refused: [{ letter: "movies/0/5", field: "", reason: "record must be JSON" }],
        });
      },
    },
    catalogs: {
      list: () =>
        Promise.resolve([{
          name: "movies",
          summary: "Titles",
          columns: catalogColumns,
          rows: 1,
          updated: "2024-01-01T00:00:00.000Z",
        }]),
      get: (name) =>
        name === "movies"
          ? Promise.resolve({
            catalog: name,
            columns: catalogColumns,
            next: null,
            items: [{ movie_id: 7, title: "Up, up", genres: ["Drama", "War"] }],
          })
          : Promise.reject(new NotFoundError("There is no such catalog", { field: "catalog" })),
      async put(catalog, body, format) {
        asked.put = { catalog, text: await new Response(body).text(), format };
        return { catalog, rows: 1 };
      },
    },
    sql: fakeSql(someSqlAnswer, asked),
    pageSql: fakeSql(someSqlAnswer),
    plugins: new Map([["popular_movies", {
      plugin: "popular_movies",
      file: "plugins/popular_movies.ts",
      source: "export default 1;",
      batch_sql: "SELECT 1",
      relations: { speed: "stream_movie_views", batch: "batch_popular", merged: "merged_popular" },
    }]]),
    islands: new Map(),
    formats: formatsOf(ratingFormats),
    ingest: {
      async ingest(body, format, topic, options) {
        asked.options = options;
        asked.ingest = { text: await new Response(body).text(), format, topic };
        return { accepted: 1, rejected: [], rejected_total: 0, frontier: "local-1_301" };
      },
    },
    batch: new Map([["movies", {
      running: false,
      ended: 0,
      run(options?: { full?: boolean }) {
        asked.run = { full: options?.full };
        return Promise.resolve(options?.full ? someRun : null);
      },
      cancel(run, by) {
        asked.cancelled = { run, by };
        return Promise.resolve({ ...someRun, run, state: "cancelled" });
      },
      history: ({ limit }) => Promise.resolve([someRun].slice(0, limit)),
      drift: () => Promise.resolve([{ ...noDrift, plugin: "popular_movies" }]),
    }]]),
    status: () => Promise.resolve(someStatus),
    memory: () => Promise.resolve(someMemory),
    prunePlugins: () => Promise.resolve(["batch_gone", "state_batch_gone_v1_0f3a9c2e"]),
    reloadPlugins: () =>
      Promise.resolve({
        added: ["stars"],
        changed: [],
        removed: ["gone"],
        refused: [{ plugin: "wrong", file: "plugins/wrong.ts", faults: ["no such luck"] }],
        loaded_files: ["plugins/lines.format.ts"],
        removed_files: [],
        refused_files: [{ file: "plugins/made.source.ts", faults: ["nor here"] }],
      }),
    lifecycle: {
      pause: (name, by) => Promise.resolve(void (asked.lifecycle = ["pause", name, by])),
      resume: (name, by) => Promise.resolve(void (asked.lifecycle = ["resume", name, by])),
      rebuild(name, request) {
        asked.lifecycle = ["rebuild", name, JSON.stringify(request)];
        const { dry_run = false } = request;
        const reads = { days: 2, files: 3, events: 1200, bytes: 4096 };
        return Promise.resolve({ dry_run, reads, run: dry_run ? null : someRun });
      },
      isPaused: (name) => asked.lifecycle?.[0] === "pause" && asked.lifecycle[1] === name,
      drop(name) {
        asked.lifecycle = ["drop", name];
        return Promise.resolve(["batch_popular", "state_batch_popular_movies_v1_x"]);
      },
    },
    newestRuns: () => Promise.resolve([someRun]),
    verification: {
      scrub: () => null,
      accept: ({ object, reason, by }) =>
        Promise.resolve({ object, reason, by, rows: 7, at: "2024-01-01T00:00:00.000Z" }),
      verify: ({ fast = false } = {}) =>
        Promise.resolve({
          ok: true,
          fast,
          manifests: 2,
          files: 3,
          bytes: 2 ** 20,
          tables: 4,
          findings: [],
          accepted: [],
        }),
    },
    ...over,
  };
}
