/**
 * A running engine as the dashboard's readers meet it: days of real ratings with a view before each,
 * titles, records that could not be decoded, one batch run, and events that came after it.
 */
import { join } from "node:path";
import movielensTitles from "../../plugins/movielens_titles.format.ts";
import { assertRatings, ratingsFile } from "./movietweetings.ts";
import { RunningEngine } from "./running_engine.ts";

/** An event as a producer sends it. */
export interface Viewing {
  readonly event_id: string;
  readonly user_id: number;
  readonly movie_id: number;
  readonly event_type: "view" | "rating";
  readonly timestamp: string;
  readonly duration: number | null;
  readonly rating: number | null;
}

/** A line that is no event, and what the dead letter of it says. */
export const broken = [
  { line: '{"event_id":"broken', field: "", reason: "JSON" },
  { line: '{"event_id":"b-1","user_id":-1}', field: "user_id", reason: "at least 0" },
] as const;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WATCHED_MS = 2 * HOUR_MS;
const CHUNK_EVENTS = 5000;

/** The files beside {@link ratingsFile}. */
const titlesFile = join(ratingsFile, "..", "movies.dat");

/** The world. */
export interface DashboardWorld extends AsyncDisposable {
  /** The engine that runs now: after {@link DashboardWorld.restart} another one. */
  readonly engine: RunningEngine;
  /** Stays the same over restarts. */
  readonly url: string;
  /** What came after the batch run. */
  readonly beyondCut: readonly Viewing[];
  /** Events of the newest moments that no other call gave: `count` views of a movie. */
  views(movie: number, count: number): Viewing[];
  /** Posts events and waits until the merged figures hold them. */
  post(events: readonly Viewing[]): Promise<void>;
  /** Stops the engine. */
  stop(): Promise<void>;
  /** Starts it over the same folder and at the same port. */
  start(): Promise<void>;
}

/** Options of {@link openDashboardWorld}. */
export interface DashboardWorldOptions {
  /** Days of ratings, from the newest back. Default 3: a block of many days is many files. */
  readonly days?: number;
  /** Settings by flag. */
  readonly flags?: Readonly<Record<string, string>>;
}

/** Opens it over a folder that goes with it. */
export async function openDashboardWorld(
  { days = 3, flags }: DashboardWorldOptions = {},
): Promise<DashboardWorld> {
  await assertRatings();
  const nowMs = Date.now();
  const dir = await Deno.makeTempDir({ prefix: "twofold_dashboard_" });
  let engine = await RunningEngine.open({ dir, flags });
  const { url } = engine;
  const post = async (events: readonly Viewing[]) => {
    for (let at = 0; at < events.length; at += CHUNK_EVENTS) {
      const { frontier } = await engine.post(events.slice(at, at + CHUNK_EVENTS));
      await engine.metric("hourly_stats", { wait_for: frontier });
    }
  };
  const titles = (await Deno.readTextFile(titlesFile)).trimEnd().split("\n")
    .map((line) => `${JSON.stringify(movielensTitles.parse(line))}\n`);
  await engine.engine.catalogs.put("movies", new Blob(titles).stream(), "ndjson");
  const events = await viewings(days, nowMs);
  const cut = events.findIndex(({ timestamp }) => Date.parse(timestamp) > nowMs - 2 * HOUR_MS);
  await post(events.slice(0, cut));
  await fetch(new URL("/api/v1/events", url), {
    method: "POST",
    body: broken.map(({ line }) => `${line}\n`).join(""),
    headers: { "content-type": "application/x-ndjson" },
  }).then((response) => response.body?.cancel());
  await engine.batch();
  const beyondCut = events.slice(cut);
  await post(beyondCut);
  let made = 0;
  const stop = () => engine.close();
  return {
    get engine() {
      return engine;
    },
    url,
    beyondCut,
    post,
    stop,
    views: (movie, count) =>
      Array.from({ length: count }, () => ({
        event_id: `made-${++made}`,
        user_id: 4_000_000_000 + made,
        movie_id: movie,
        event_type: "view",
        timestamp: new Date().toISOString(),
        duration: 60,
        rating: null,
      })),
    async start() {
      const { port } = new URL(url);
      engine = await RunningEngine.open({ dir, flags: { ...flags, port } });
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** The newest days of the real ratings, each with a view before it, moved so that they end now. */
async function viewings(days: number, nowMs: number): Promise<Viewing[]> {
  const rows = (await Deno.readTextFile(ratingsFile)).trimEnd().split("\n")
    .map((line) => line.split("::").map(Number));
  const lastMs = rows.reduce((most, [, , , seconds]) => Math.max(most, seconds), 0) * 1000;
  const moved = nowMs - 60_000 - lastMs;
  return rows.filter(([, , , seconds]) => seconds * 1000 > lastMs - days * DAY_MS)
    .flatMap(([user_id, movie_id, rating, seconds]): Viewing[] => {
      const ratedMs = seconds * 1000 + moved;
      const of = { user_id, movie_id };
      const id = `${user_id}-${movie_id}-${seconds}`;
      return [
        {
          event_id: `view-${id}`,
          ...of,
          event_type: "view",
          rating: null,
          timestamp: new Date(ratedMs - WATCHED_MS).toISOString(),
          duration: 5400,
        },
        {
          event_id: `rating-${id}`,
          ...of,
          event_type: "rating",
          rating,
          duration: null,
          timestamp: new Date(ratedMs).toISOString(),
        },
      ];
    })
    .sort((a, b) => a.timestamp < b.timestamp ? -1 : 1);
}
