import { ratingFormats } from "./movielens_formats.ts";
import { formatsOf } from "../../runtime/row_format.ts";
import { NotFoundError } from "../../runtime/std/errors.ts";
import type {
  DriftAcceptance,
  IngestOptions,
  MetricQuery,
  RedriveRequest,
  Services,
  SqlAnswer,
  SqlConsole,
  SqlOptions,
} from "../../runtime/ports/services.ts";
import {
  catalogColumns,
  moviesAnswer,
  moviesInfo,
  moviesSeries,
  noDrift,
  someDeadLetter,
  someDriftDay,
  someLetterBytes,
  someMemory,
  someRecords,
  someRun,
  someSqlAnswer,
  someStatus,
} from "./sample_answers.ts";

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
      count: () => Promise.resolve(moviesAnswer.rows.length),
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
      list: () =>
        Promise.resolve({ items: someRecords, next: null, newest: "position", scanned: null }),
      fields: () => ["event_id", "user_id"],
      one: () =>
        Promise.resolve({
          ...someRecords[0],
          bytes: new TextEncoder().encode(someRecords[0].text),
        }),
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
        const run = dry_run ? null : someRun;
        return Promise.resolve({ dry_run, reads, days_outside: ["2024-01-05"], run });
      },
      generations: () => Promise.resolve([]),
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
