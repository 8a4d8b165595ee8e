import { NotFoundError } from "../../runtime/errors.ts";
import type {
  BatchRun,
  MetricAnswer,
  MetricInfo,
  MetricQuery,
  Services,
  Status,
} from "../../runtime/services.ts";

/** A metric's description. */
export const moviesInfo: MetricInfo = {
  ...{ name: "popular_movies", version: 1, summary: "Views per movie", topic: "movies" },
  ...{ title: "Popular movies", chart: "bar", by: "movie_id", sort: "-view_count" },
  ...{ window_seconds: 10, grain: "hour", measures: ["view_count"] },
  keys: [{ name: "movie_id", type: "uint32" }],
  layers: { merged: ["all"], batch: ["all"], speed: ["window", "all"] },
};

/** An answer of two rows. */
export const moviesAnswer: MetricAnswer = {
  ...{ metric: "popular_movies", layer: "merged", cut: "local-1_256", frontier: "local-1_300" },
  kept_from: null,
  columns: [{ name: "movie_id", type: "uint32" }, { name: "view_count", type: "integer" }],
  rows: [{ movie_id: 7, view_count: 12345 }, { movie_id: 9, view_count: 6 }],
};

/** A run. */
export const someRun: BatchRun = {
  ...{ topic: "movies", run: 3, cut: { "local-1": [256n, 0n] } },
  ...{ started: "2024-01-01T00:00:00.000Z", finished: "2024-01-01T00:00:02.000Z" },
  plugins: [{
    ...{ plugin: "popular_movies", status: "published", mode: "full", rows: 10, days: 2 },
    ...{ seconds: 1.5, drift: 0, unseenRepeats: 0, error: "" },
  }],
};

/** A status with one topic of one partition. */
export const someStatus: Status = {
  ...{ version: "1.0.0", started: "2024-01-01T00:00:00.000Z", ready: true, problems: [] },
  topics: [{
    ...{ topic: "movies", log: "local-1" },
    partitions: [{
      ...{ partition: 0, log_start: "0", log_end: "310", speed_frontier: "300" },
      ...{ archived: "256", cut: "256", lag_records: 10, events: 300, late_events: 2 },
      ...{ watermark: "2024-01-01T00:00:00.000Z", repeats: 1, dead_letters: 0, error: null },
    }],
  }],
  plugins: [{
    ...{ plugin: "popular_movies", topic: "movies", generation: "v1_x", state: "running" },
    ...{ error: null, speed_rows: 10, run: 3, drift: 0 },
  }],
};

/** Services that remember what they were asked. */
export interface FakeServices extends Services {
  readonly asked: {
    query?: { metric: string; query: MetricQuery; signal?: AbortSignal };
    ingest?: { text: string; format: string; topic?: string };
    run?: { full?: boolean };
  };
}

/** Services with fixed answers; `over` replaces some. */
export function fakeServices(over: Partial<Services> = {}): FakeServices {
  const asked: FakeServices["asked"] = {};
  return {
    asked,
    serving: {
      metrics: () => [moviesInfo],
      query(metric, query, signal) {
        asked.query = { metric, query, signal };
        if (metric === moviesInfo.name) return Promise.resolve(moviesAnswer);
        return Promise.reject(new NotFoundError("There is no such metric", { field: "metric" }));
      },
    },
    ingest: {
      async ingest(body, format, topic) {
        asked.ingest = { text: await new Response(body).text(), format, topic };
        return { accepted: 1, rejected: [], rejected_total: 0, frontier: "local-1_301" };
      },
    },
    batch: new Map([["movies", {
      running: false,
      run(options?: { full?: boolean }) {
        asked.run = { full: options?.full };
        return Promise.resolve(options?.full ? someRun : null);
      },
      history: (limit: number) => Promise.resolve([someRun].slice(0, limit)),
    }]]),
    status: () => Promise.resolve(someStatus),
    ...over,
  };
}
