/**
 * What the answers should be, told as simply as can be and apart from the runtime: the oracle of the
 * parity law.
 */
import type { Event } from "./events.ts";

/** An event in the log, once: repeats are left out. */
export interface Counted {
  readonly partition: number;
  readonly offset: bigint;
  readonly event: Event;
}

/** One row of an answer. */
export type Row = Readonly<Record<string, number | string | null>>;

/** How a plugin's answer follows from events. */
interface Oracle {
  readonly where: (event: Event) => boolean;
  readonly key: (event: Event) => Record<string, number | string>;
  readonly measures: (events: readonly Event[]) => Record<string, number | null>;
}

const total = (events: readonly Event[], of: (event: Event) => number | null) =>
  events.reduce((sum, event) => sum + (of(event) ?? 0), 0);

/** The oracles by plugin. */
export const oracles: Readonly<Record<string, Oracle>> = {
  ratings: {
    where: (event) => event.rating !== null,
    key: (event) => ({ movie_id: event.movie }),
    measures: (events) => {
      const sum = total(events, (event) => event.rating) / 100;
      return { rating_count: events.length, rating_sum: sum, avg_rating: sum / events.length };
    },
  },
  popular_movies: {
    where: (event) => event.type === "view",
    key: (event) => ({ movie_id: event.movie }),
    measures: (events) => ({ view_count: events.length }),
  },
  user_stats: {
    where: () => true,
    key: (event) => ({ user_id: event.user }),
    measures: (events) => {
      const timed = events.filter((event) => event.duration !== null);
      return {
        total_events: events.length,
        movies_watched: new Set(events.map((event) => event.movie)).size,
        avg_duration: timed.length === 0
          ? null
          : total(timed, (event) => event.duration) / 1000 / timed.length,
      };
    },
  },
  completed_movies: {
    where: (event) => event.type === "complete",
    key: (event) => ({ movie_id: event.movie }),
    measures: (events) => ({ completed_count: events.length }),
  },
  rating_stars: {
    where: (event) => event.rating !== null,
    key: (event) => ({ movie_id: event.movie, stars: Math.floor(event.rating! / 100) }),
    measures: (events) => ({ star_count: events.length }),
  },
  hourly_stats: {
    where: () => true,
    key: (event) => ({ event_type: event.type }),
    measures: (events) => ({ event_count: events.length }),
  },
};

/**
 * The rows that a plugin's answer should have, by a text of bucket and key.
 *
 * @param frontier events at or above it are not counted yet; null counts all.
 * @param bucketMs the bucket's size; 0 for one bucket of all time.
 */
export function expected(
  plugin: string,
  counted: readonly Counted[],
  frontier: readonly bigint[] | null,
  bucketMs: number,
): Map<string, Row> {
  const { where, key, measures } = oracles[plugin];
  type Head = Record<string, number | string>;
  const groups = new Map<string, { head: Head; events: Event[] }>();
  for (const { partition, offset, event } of counted) {
    if (frontier !== null && offset >= (frontier[partition] ?? 0n)) continue;
    if (!where(event)) continue;
    const start = bucketMs === 0 ? null : Math.floor(event.ms / bucketMs) * bucketMs;
    const head: Head = { ...(start === null ? {} : { bucket: start }), ...key(event) };
    const name = JSON.stringify(head);
    const group: { head: typeof head; events: Event[] } = groups.get(name) ?? { head, events: [] };
    group.events.push(event);
    groups.set(name, group);
  }
  return new Map(
    [...groups].map(([name, { head, events }]) => [name, { ...head, ...measures(events) }]),
  );
}

/** An answer's rows in the same form, for comparison. Times become milliseconds since 1970 UTC. */
export function answered(
  plugin: string,
  rows: readonly Readonly<Record<string, unknown>>[],
): Map<string, Row> {
  const keys = Object.keys(oracles[plugin].key({} as Event));
  return new Map(rows.map((row) => {
    const { bucket, window_start, window_end: _end, ...rest } = row;
    const start = bucket ?? window_start;
    const head = {
      ...(start === undefined ? {} : { bucket: Date.parse(String(start)) }),
      ...Object.fromEntries(keys.map((key) => [key, rest[key]])),
    };
    return [JSON.stringify(head), { ...rest, ...head } as Row];
  }));
}

/** The first difference between two answers, in words; null when they agree. */
export function difference(
  actual: ReadonlyMap<string, Row>,
  wanted: ReadonlyMap<string, Row>,
): string | null {
  for (const [name, row] of wanted) {
    const other = actual.get(name);
    if (other === undefined) return `${name} is missing, expected ${JSON.stringify(row)}`;
    for (const [column, value] of Object.entries(row)) {
      if (!same(other[column], value)) {
        return `${name} ${column}: expected ${value}, got ${other[column]}`;
      }
    }
  }
  for (const name of actual.keys()) if (!wanted.has(name)) return `${name} should not be there`;
  return null;
}

/** Quotients may differ in their last bits; counts and sums may not. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "number" || typeof b !== "number") return false;
  return Math.abs(a - b) <= 1e-12 * Math.abs(b);
}
