/** What the archive's laws put into a log: readings, what is none, ticks and gaps. */
import { fc } from "testing";
import { RecordKind } from "../../runtime/ports/ports.ts";
import { reading } from "./archive_world.ts";
import type { MemoryLog } from "./memory_log.ts";

/** What comes next in the log. */
export type Entry =
  | { kind: "event"; fields: Record<string, unknown>; nanoseconds: bigint }
  | { kind: "garbage"; value: Uint8Array }
  | { kind: "tick" }
  | { kind: "gap"; offsets: number };

const NS_PER_MS = 1_000_000n;
const lastNanosecond = BigInt(Date.UTC(2105, 11, 31, 23, 59, 59)) * NS_PER_MS + 999_999_999n;

/** Nanoseconds since 1970 UTC as ISO 8601 text. */
export const instantText = (nanoseconds: bigint) =>
  new Date(Number(nanoseconds / NS_PER_MS)).toISOString().slice(0, 20) +
  String(nanoseconds % 1_000_000_000n).padStart(9, "0") + "Z";

// Mostly around one midnight, so that blocks hold several events of few days; sometimes anywhere.
const midnight = BigInt(Date.UTC(2013, 6, 20)) * NS_PER_MS;
const nanoseconds = fc.oneof(
  fc.integer({ min: -3, max: 3 }).map((ns) => midnight + BigInt(ns)),
  fc.bigInt({ min: midnight - 86_400_000_000_000n, max: midnight + 86_400_000_000_000n }),
  fc.bigInt({ min: 0n, max: lastNanosecond }),
);
const nullable = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
const scaled = (scale: number) =>
  fc.integer({ min: -1_000_000, max: 1_000_000 }).map((n) => n / 10 ** scale);
const fields = fc.record({
  id: fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }),
  meter: fc.nat({ max: 2 ** 32 - 1 }),
  count: fc.integer({ min: -(10 ** 11), max: 10 ** 11 }),
  count_or_null: nullable(fc.integer({ min: -(10 ** 11), max: 10 ** 11 })),
  level: scaled(3),
  level_or_null: nullable(scaled(2)),
  state: fc.constantFrom("it's on", "off", "unknown"),
  state_or_null: nullable(fc.constantFrom("a", "b")),
  good: fc.boolean(),
  good_or_null: nullable(fc.boolean()),
  note: nullable(fc.string({ unit: "grapheme", maxLength: 12 })),
  other_or_null: nullable(fc.nat({ max: 2 ** 32 - 1 })),
});
/** Any entry. */
export const entry: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("event" as const), fields, nanoseconds }) },
  {
    weight: 1,
    arbitrary: fc.uint8Array({ maxLength: 8 })
      .map((value) => ({ kind: "garbage" as const, value })),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "tick" as const }) },
  {
    weight: 1,
    arbitrary: fc.nat({ max: 30 }).map((offsets) => ({ kind: "gap" as const, offsets })),
  },
);
/** Puts an entry at the end of partition 0; every third event has a field that is not declared. */
export async function place(log: MemoryLog, entry: Entry, index: number): Promise<void> {
  log.nowMs += index % 7;
  if (entry.kind === "event" || entry.kind === "garbage") {
    log.place(0, { value: valueOf(entry, index) });
  } else if (entry.kind === "tick") {
    log.place(0, { kind: RecordKind.tick });
  } else {
    log.skipTo(0, (await log.bounds(0)).end + BigInt(entry.offsets));
  }
}

/** The value of an entry's record. */
export function valueOf(
  entry: Entry & { kind: "event" | "garbage" },
  index: number,
): string | Uint8Array {
  return entry.kind === "event" ? JSON.stringify(eventOf(entry, index)) : entry.value;
}

/** The event of an entry as an object. */
export function eventOf(entry: Entry & { kind: "event" }, index: number): Record<string, unknown> {
  const event = reading({ ...entry.fields, at: instantText(entry.nanoseconds) });
  return index % 3 === 0 ? { ...event, unknown: { index } } : event;
}
