/** Answers of services, as tests of pages, API and commands show them. */
import type {
  AnswerColumn,
  BatchRun,
  DeadLetter,
  DriftDay,
  MetricAnswer,
  MetricInfo,
  ProcessMemory,
  RecordView,
  SeriesAnswer,
  SqlAnswer,
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
  tz: "UTC",
  compare: null,
  cut: "local-1_256",
  frontier: "local-1_300",
  kept_from: null,
  kept_until: null,
  speed_ranges: [],
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
  tz: "UTC",
  compare: null,
  cut: "local-1_256",
  frontier: "local-1_300",
  generation: "v1_00000000",
  frozen_at: null,
  rebuilding: null,
  not_compared: null,
  problems: [],
  kept_from: null,
  kept_until: null,
  speed_ranges: [],
  measure: "view_count",
  unit: null,
  bucket: "hour",
  bucket_seconds: 3600,
  time: [1_704_067_200, 1_704_070_800, 1_704_074_400],
  end: 1_704_078_000,
  offsets: [0, 0, 0],
  series: [{
    key: null,
    values: [3, null, 5],
    batch: [3, null, 2],
    speed: [null, null, 3],
    earlier: null,
  }],
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

export const someLetterBytes = new Uint8Array([123, 255, 110, 0, 107]);

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
