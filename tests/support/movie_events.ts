/** Movie-viewing events that a test makes up, the same for the same seed. */
import { random } from "../../plugins/viewing/chance.ts";

/** An event as a producer sends it. */
export interface MovieEvent {
  readonly event_id: string;
  readonly user_id: number;
  readonly movie_id: number;
  readonly event_type: string;
  readonly timestamp: string;
  readonly duration: number | null;
  readonly rating: number | null;
}

const TYPES = ["view", "pause", "resume", "complete", "rating"];
const DAY_MS = 86_400_000;

/** Options of {@link movieEvents}. */
export interface MovieEventsOptions {
  readonly seed: number;
  /** The user of the first event; each event has the next, so a user's total tells the event's. */
  readonly firstUser: number;
  /** About when they happened, milliseconds since 1970 UTC. */
  readonly aroundMs: number;
  /** One in this many events is late. Default 10. */
  readonly lateOneIn?: number;
  /** Late by up to this many days. Default 2: each day is a file of its own in every block. */
  readonly lateDays?: number;
}

/** Endless events, each of a user of its own. */
export function* movieEvents(options: MovieEventsOptions): Generator<MovieEvent, never> {
  const { seed, firstUser, aroundMs, lateOneIn = 10, lateDays = 2 } = options;
  const chance = random(seed);
  const below = (count: number) => Math.floor(chance() * count);
  for (let user = firstUser;; user++) {
    const lateMs = below(lateOneIn) === 0 ? below(lateDays * DAY_MS) : 0;
    const event_type = TYPES[below(TYPES.length)];
    yield {
      event_id: `made-${seed}-${user}`,
      user_id: user,
      movie_id: 1 + below(50),
      event_type,
      timestamp: new Date(aroundMs - lateMs + below(60_000)).toISOString(),
      duration: below(3) === 0 ? null : below(7_200_000) / 1000,
      rating: event_type === "rating" ? below(101) / 10 : null,
    };
  }
}

/** The next `count` events. */
export function take(events: Generator<MovieEvent, never>, count: number): MovieEvent[] {
  return Array.from({ length: count }, () => events.next().value);
}
