/** What the pages of the movie example ask for. */
import type { Names, Row } from "../(_parts)/Rows.tsx";
import type {
  AnswerColumn,
  MetricInfo,
  SeriesAnswer,
  Services,
} from "../../runtime/ports/services.ts";
import { type Outcome, outcomeOf } from "./define.ts";
import { movieExample, namesOf } from "./movie_example.ts";

/** Rows with their columns. */
export interface Table {
  readonly columns: readonly AnswerColumn[];
  readonly rows: readonly Row[];
}

const HOUR_MS = 3_600_000;
const TOP = "10";
/** A movie is among the top rated from this many ratings on. */
export const LEAST_RATINGS = 10;

/** What is told of the newest ratings. */
const recentColumns = new Set(["window_start", "movie_id", "avg_rating", "rating_count"]);

/** What the movies' page shows. */
export interface MoviesData {
  readonly found: Outcome<Table> | null;
  /** Events of all time by type; null where no metric tells. */
  readonly totals: Outcome<Table> | null;
  readonly popular: Outcome<Table>;
  readonly lastHour: Outcome<Table>;
  readonly topRated: Outcome<Table>;
  readonly recent: Outcome<Table>;
  readonly names: Names;
}

/** Asks all that the movies' page shows. */
export async function moviesOf(
  services: Services,
  search: string,
  signal: AbortSignal,
): Promise<MoviesData> {
  const { serving, catalogs } = services;
  const hourAgo = Math.floor((Date.now() - HOUR_MS) / 60_000) * 60_000;
  const ask = (metric: string, question: Readonly<Record<string, string>>) =>
    outcomeOf(serving.query(metric, { ...question, limit: TOP, keys: {} }, signal), signal);
  const [found, totals, popular, lastHour, topRated, recent] = await Promise.all([
    search === "" ? null : outcomeOf(
      catalogs.get("movies", { search, limit: "50" }, signal).then(({ columns, items }) => ({
        // The title stands where the key would.
        columns: columns.filter(({ name }) => name !== "title"),
        rows: items,
      })),
      signal,
    ),
    movieExample(services).events ? ask("hourly_stats", {}) : null,
    ask("popular_movies", {}),
    ask("popular_movies", { layer: "speed", from: new Date(hourAgo).toISOString() }),
    outcomeOf(topRatedOf(services, signal), signal),
    ask("ratings", { layer: "speed", bucket: "window", order: "-window_start" })
      .then((outcome) => {
        if (outcome.answer === null) return outcome;
        const columns = outcome.answer.columns.filter(({ name }) => recentColumns.has(name));
        return { ...outcome, answer: { ...outcome.answer, columns } };
      }),
  ]);
  const tables = [popular, lastHour, topRated, recent]
    .flatMap(({ answer }) => answer === null ? [] : [answer]);
  const names = await namesOf(services, tables, signal).catch(() => ({}));
  return { found, totals, popular, lastHour, topRated, recent, names };
}

/** The best movies among those with enough ratings: a relation, as people's own SQL reads it. */
async function topRatedOf(
  { pageSql, plugins, serving }: Services,
  signal: AbortSignal,
): Promise<Table> {
  const { merged } = plugins.get("ratings")!.relations;
  const statement = `SELECT movie_id, avg_rating, rating_count FROM ${merged} ` +
    `WHERE rating_count > ${LEAST_RATINGS} ORDER BY avg_rating DESC, rating_count DESC, movie_id`;
  const { rows } = await pageSql.query(statement, { limit: Number(TOP), signal });
  const { units } = serving.metrics().find(({ name }) => name === "ratings")!;
  const columns = [
    { name: "movie_id", type: "uint32" },
    { name: "avg_rating", type: "number", unit: units.avg_rating },
    { name: "rating_count", type: "integer" },
  ];
  return { columns, rows };
}

/** Events by hour of the day (UTC), up to the batch layer's cut. */
export async function hoursOfDay(
  { pageSql, plugins }: Services,
  signal: AbortSignal,
): Promise<{ readonly hour: number; readonly events: number }[]> {
  const { batch } = plugins.get("hourly_stats")!.relations;
  const statement = `SELECT hour, event_count FROM ${batch} ORDER BY hour`;
  const { rows } = await pageSql.query(statement, { limit: 24, signal });
  return rows.map((row) => ({ hour: Number(row.hour), events: Number(row.event_count) }));
}

/** One key's rows and series of one metric. */
export interface KeyPart {
  readonly metric: string;
  readonly title: string;
  readonly chart: MetricInfo["chart"];
  readonly row: Row | null;
  readonly columns: readonly AnswerColumn[];
  readonly series: SeriesAnswer | null;
  readonly fault: string | null;
}

/** What the metrics say of one key: all-time figures, and a measure over time. */
export async function keyPartsOf(
  { serving }: Services,
  keys: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<KeyPart[]> {
  const names = Object.keys(keys);
  const fitting = serving.metrics().filter((info) =>
    info.keys.length === names.length && info.keys.every(({ name }) => names.includes(name))
  );
  const parts = await Promise.all(fitting.map(async ({ name, title, chart }): Promise<KeyPart> => {
    const [rows, series] = await Promise.all([
      outcomeOf(serving.query(name, { limit: "1", keys }, signal), signal),
      outcomeOf(serving.series(name, { max_points: "200", keys }, signal), signal),
    ]);
    return {
      metric: name,
      title,
      chart,
      row: rows.answer?.rows[0] ?? null,
      columns: rows.answer?.columns ?? [],
      series: series.answer,
      fault: rows.fault ?? series.fault,
    };
  }));
  // What there is nothing of comes last.
  return parts.sort((a, b) => Number(a.row === null) - Number(b.row === null));
}

/** How often a movie got how many whole stars; null where no metric tells. */
export async function starsOf(
  { serving }: Services,
  keys: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<readonly { readonly name: string; readonly value: number }[] | null> {
  if (!serving.metrics().some(({ name }) => name === "rating_stars")) return null;
  const { rows } = await serving.query("rating_stars", { order: "stars", keys }, signal);
  const counts = new Map(rows.map((row) => [Number(row.stars), Number(row.star_count)]));
  const most = Math.max(...counts.keys(), 0);
  if (counts.size === 0) return [];
  return Array.from({ length: most + 1 }, (_, stars) => ({
    name: String(stars),
    value: counts.get(stars) ?? 0,
  }));
}
