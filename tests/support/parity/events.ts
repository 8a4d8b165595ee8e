import { fc } from "testing";

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

/** 2024-02-28T22:00:00Z: two hours before a leap day. */
const BASE_MS = 1_709_157_600_000;

const instantMs = fc.oneof(
  // Around window edges of one hour, close together: equal times and equal windows are common.
  fc.tuple(fc.nat(30), fc.constantFrom(-1, 0, 1)).map(([w, d]) => BASE_MS + w * 10_000 + d),
  // Hours and days apart: late by days.
  fc.tuple(fc.integer({ min: -5, max: 5 }), fc.nat(86_399_999)).map(([day, ms]) =>
    BASE_MS + day * 86_400_000 + ms
  ),
);

const event: fc.Arbitrary<Event> = fc.record({
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

/** An event as JSON. Shapes differ in text only: the same instant, the same numbers. */
export function textOf(id: number, event: Event, shape: number): string {
  const number = (scaled: number | null, unit: number) => scaled === null ? null : scaled / unit;
  const fields = {
    event_id: `e${id}`,
    user_id: event.user,
    movie_id: event.movie,
    event_type: event.type,
    timestamp: instantText(event.ms, event.ns, shape),
    duration: number(event.duration, 1000),
    rating: number(event.rating, 100),
  };
  if (shape === 2) return JSON.stringify({ device: { os: "x" }, ...fields }, null, 1);
  if (shape === 3) return JSON.stringify(Object.fromEntries(Object.entries(fields).reverse()));
  return JSON.stringify(fields);
}

/** The same instant as text in UTC, at an offset of two hours, or without a zone. */
function instantText(ms: number, ns: number, shape: number): string {
  const shifted = shape === 1 ? ms + 7_200_000 : ms;
  const seconds = new Date(Math.floor(shifted / 1000) * 1000).toISOString().slice(0, 19);
  const nanos = (shifted - Math.floor(shifted / 1000) * 1000) * 1_000_000 + ns;
  const fraction = nanos === 0 ? "" : `.${String(nanos).padStart(9, "0")}`;
  return `${seconds}${fraction}${["Z", "+02:00", "", "Z"][shape]}`;
}
