/** What of the movie example there is: its pages are left out where its plugins are. */
import type { MetricAnswer, Services } from "../../runtime/ports/services.ts";
import type { Names } from "../(_parts)/Rows.tsx";

/** Which pages there are. */
export function movieExample({ serving }: Pick<Services, "serving">) {
  const has = new Set(serving.metrics().map(({ name }) => name));
  return {
    movies: has.has("popular_movies") && has.has("ratings"),
    users: has.has("user_stats"),
    events: has.has("hourly_stats"),
  };
}

/** Where keys have a page of their own, by key column. */
export function keyPages(services: Services): Record<string, string> {
  const { movies, users } = movieExample(services);
  return {
    ...(movies ? { movie_id: "/movies/" } : {}),
    ...(users ? { user_id: "/users/" } : {}),
  };
}

/** The most keys that one page looks up. */
const MOST_KEYS = 500;

/** The titles of what an answer's key columns name, where a catalog has them. */
export async function namesOf(
  services: Services,
  answers: readonly Pick<MetricAnswer, "columns" | "rows">[],
  signal?: AbortSignal,
): Promise<Names> {
  return (await namedBy(services, answers, signal)).names;
}

/** The same with the names of the catalogs. */
export async function namedBy(
  services: Services,
  answers: readonly Pick<MetricAnswer, "columns" | "rows">[],
  signal?: AbortSignal,
): Promise<{ readonly names: Names; readonly catalogs: readonly string[] }> {
  const names: Record<string, Record<string, string>> = {};
  const from: string[] = [];
  const catalogs = await services.catalogs.list(signal);
  for (const { name, columns: [key, ...others], rows } of catalogs) {
    const title = others.find(({ type }) => type === "string");
    if (title === undefined || rows === 0) continue;
    const keys = new Set(
      answers.flatMap(({ rows }) => rows.map((row) => row[key.name])).filter((each) =>
        each !== undefined && each !== null
      ),
    );
    if (keys.size === 0) continue;
    const query = { keys: [...keys].slice(0, MOST_KEYS).join(","), limit: String(MOST_KEYS) };
    const { items } = await services.catalogs.get(name, query, signal);
    from.push(name);
    names[key.name] = Object.fromEntries(
      items.map((item) => [String(item[key.name]), String(item[title.name])]),
    );
  }
  return { names, catalogs: from };
}
