import { fc } from "testing";
import { instantMs, instantText } from "../../../runtime/testing/random_stream.ts";

/** One thing that is put into a partition of the log. */
export type Put =
  | { readonly kind: "event"; readonly gap: number; readonly event: Event; readonly shape: number }
  /** A retry: an earlier event of the partition, `back` events ago, if still within the horizon. */
  | { readonly kind: "repeat"; readonly gap: number; readonly back: number; readonly shape: number }
  | { readonly kind: "malformed"; readonly gap: number; readonly text: string }
  | { readonly kind: "tick"; readonly gap: number }
  /** Offsets that no record has (compaction, transaction markers), at the end for now. */
  | { readonly kind: "gap"; readonly gap: number };

/** An event as its producer meant it. Its id is given when it is put into the log. */
export interface Event {
  readonly user: number;
  readonly movie: number;
  readonly type: "view" | "pause" | "resume" | "complete" | "rating";
  /** Milliseconds since 1970 UTC, and nanoseconds within. */
  readonly ms: number;
  readonly ns: number;
  /** Thousandths of a second, or null. */
  readonly duration: number | null;
  /** Hundredths, or null. */
  readonly rating: number | null;
}

/** An event. */
export const event: fc.Arbitrary<Event> = fc.record({
  user: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constant(4_294_967_295)),
  movie: fc.integer({ min: 1, max: 5 }),
  type: fc.constantFrom("view", "pause", "resume", "complete", "rating"),
  ms: instantMs,
  ns: fc.oneof(fc.constant(0), fc.nat(999_999)),
  duration: fc.option(fc.oneof(fc.constant(0), fc.nat(7_200_000), fc.constant(100_000_000_000))),
  rating: fc.option(fc.nat(1000)),
});

const malformed = fc.constantFrom(
  "",
  "{",
  "null",
  "[]",
  '{"event_id":"x"}',
  '{"event_id":"x","user_id":-1,"movie_id":1,"event_type":"view","timestamp":"2024-01-01T00:00:00Z"}',
  '{"event_id":"x","user_id":1,"movie_id":1,"event_type":"look","timestamp":"2024-01-01T00:00:00Z"}',
  '{"event_id":"x","user_id":1,"movie_id":1,"event_type":"view","timestamp":"2024-13-01T00:00:00Z"}',
);

const gap = fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.nat(20));
const shape = fc.nat(3);

/** What goes into the log. */
export const put: fc.Arbitrary<Put> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("event" as const), gap, event, shape }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("repeat" as const), gap, back: fc.nat(9), shape }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("malformed" as const), gap, text: malformed }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("tick" as const), gap }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("gap" as const),
      gap: fc.integer({ min: 1, max: 30 }),
    }),
  },
);

/** By shape, how the instant is written. */
const forms = ["Z", "+02:00", "", "Z"] as const;

/** An event as JSON. Shapes differ in text only: the same instant, the same numbers. */
export function textOf(id: number, event: Event, shape: number): string {
  const number = (scaled: number | null, unit: number) => scaled === null ? null : scaled / unit;
  const fields = {
    event_id: `e${id}`,
    user_id: event.user,
    movie_id: event.movie,
    event_type: event.type,
    timestamp: instantText(event.ms, event.ns, forms[shape]),
    duration: number(event.duration, 1000),
    rating: number(event.rating, 100),
  };
  if (shape === 2) return JSON.stringify({ device: { os: "x" }, ...fields }, null, 1);
  if (shape === 3) return JSON.stringify(Object.fromEntries(Object.entries(fields).reverse()));
  return JSON.stringify(fields);
}
