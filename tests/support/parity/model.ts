/**
 * What the answers should be, told as simply as can be and apart from the runtime: the oracle of the
 * parity law.
 */
import type { Event } from "./events.ts";
import { type Range, wholeRange } from "./ranges.ts";

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
  readonly measures: (events: readonly Event[], key: OfKey) => Record<string, number | null>;
}

/** What a row tells of its key beyond its own events. */
interface OfKey {
  /** All events of the key before the end of the range, in the order of time. */
  readonly events: readonly Event[];
  /** Whether an instant lies in the row's bucket and in the range. */
  readonly isOwn: (ms: number) => boolean;
}

/** The gap of the sessions that the law knows, in milliseconds. */
const GAP_MS = 10_000;

/** Sessions that begin in a row's bucket: [length in milliseconds, events] of each. */
function sessionsOf({ events, isOwn }: OfKey): [number, number][] {
  const starts = events.filter(({ ms }, i) => i === 0 || ms - events[i - 1].ms > GAP_MS);
  return starts.map(({ ms: start }, i): [Event[], number] => {
    const end = starts[i + 1]?.ms ?? Infinity;
    return [events.filter(({ ms }) => ms >= start && ms < end), start];
  }).filter(([, start]) => isOwn(start)).map((
    [own, start],
  ) => [own.at(-1)!.ms - start, own.length]);
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
  visits: {
    where: () => true,
    key: (event) => ({ user_id: event.user }),
    measures: (events, key) => {
      const sessions = sessionsOf(key);
      const mean = (of: 0 | 1, unit: number) =>
        sessions.length === 0
          ? null
          : sessions.reduce((sum, session) => sum + session[of], 0) / unit / sessions.length;
      return {
        visits: sessions.length,
        visits_mean_seconds: mean(0, 1000),
        visits_mean_events: mean(1, 1),
        event_count: events.length,
      };
    },
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
 * @param range of event times, in milliseconds.
 */
export function expected(
  plugin: string,
  counted: readonly Counted[],
  frontier: readonly bigint[] | null,
  bucketMs: number,
  { fromMs, toMs }: Range = wholeRange,
): Map<string, Row> {
  const { where, key, measures } = oracles[plugin];
  type Head = Record<string, number | string>;
  const groups = new Map<string, { head: Head; start: number | null; events: Event[] }>();
  const byKey = new Map<string, Event[]>();
  for (const { partition, offset, event } of counted) {
    if (frontier !== null && offset >= (frontier[partition] ?? 0n)) continue;
    if (!where(event) || event.ms >= toMs) continue;
    const ofKey = JSON.stringify(key(event));
    byKey.set(ofKey, [...byKey.get(ofKey) ?? [], event].sort((a, b) => a.ms - b.ms));
    if (event.ms < fromMs) continue;
    const start = bucketMs === 0 ? null : Math.floor(event.ms / bucketMs) * bucketMs;
    const head: Head = { ...(start === null ? {} : { bucket: start }), ...key(event) };
    const name = JSON.stringify(head);
    const group = groups.get(name) ?? { head, start, events: [] };
    group.events.push(event);
    groups.set(name, group);
  }
  return new Map(
    [...groups].map(([name, { head, start, events }]) => {
      const isOwn = (ms: number) =>
        ms >= fromMs && (start === null || Math.floor(ms / bucketMs) * bucketMs === start);
      const ofKey = { events: byKey.get(JSON.stringify(key(events[0])))!, isOwn };
      return [name, { ...head, ...measures(events, ofKey) }];
    }),
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
