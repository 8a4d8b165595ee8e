/** Random streams of a schema's events, for properties of plugins. */
import fc from "fast-check";
import type { EventSchema, Field } from "../events.ts";

/** An event as its producer sends it: JSON by field name. */
export type EventJson = Readonly<Record<string, unknown>>;

/** Constants of a plugin: values at which its answers change. */
export interface Literals {
  readonly numbers: readonly number[];
  readonly texts: readonly string[];
}

/** The constants in SQL, or in the texts of expressions. */
export function literalsOf(...texts: readonly string[]): Literals {
  const all = texts.join("\n");
  const quoted = [...all.matchAll(/'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/g)]
    .map(([, single, double]) => (single ?? double).replace(/\\(.)/g, "$1"));
  const numbers = [...all.matchAll(/(?<![\w.])-?\d+(?:\.\d+)?(?!\w)/g)].map(([text]) =>
    Number(text)
  );
  return { numbers: [...new Set(numbers)], texts: [...new Set(quoted)] };
}

/** 2024-02-28T22:00:00Z: two hours before a leap day. */
const BASE_MS = 1_709_157_600_000;
const HOUR_MS = 3_600_000;

/** Instants in milliseconds since 1970 UTC. */
export const instantMs: fc.Arbitrary<number> = fc.oneof(
  // Around window bounds of one hour, close together: equal times and equal windows are common.
  fc.tuple(fc.nat(3), fc.constantFrom(0, 1, -1)).map(([w, d]) => BASE_MS + w * 10_000 + d),
  // Hours and days apart: late by days.
  fc.tuple(fc.integer({ min: -5, max: 5 }), fc.nat(86_399_999)).map(([day, ms]) =>
    BASE_MS + day * 86_400_000 + ms
  ),
);

/** Around midnight, and the first and the last possible instant. */
const edgeMs = fc.constantFrom(
  BASE_MS + 2 * HOUR_MS,
  BASE_MS + 2 * HOUR_MS - 1,
  0,
  Date.UTC(2105, 11, 31, 23, 59, 59, 999),
);

/** How an instant is written: in UTC, at an offset of two hours, or without a zone. */
export type InstantForm = "Z" | "+02:00" | "";

/** An instant as text. @param ns nanoseconds within the millisecond. */
export function instantText(ms: number, ns: number, form: InstantForm): string {
  const shifted = form === "+02:00" ? ms + 2 * HOUR_MS : ms;
  const seconds = new Date(Math.floor(shifted / 1000) * 1000).toISOString().slice(0, 19);
  const nanos = (shifted - Math.floor(shifted / 1000) * 1000) * 1_000_000 + ns;
  return `${seconds}${nanos === 0 ? "" : `.${String(nanos).padStart(9, "0")}`}${form}`;
}

const instants = fc.record({
  ms: fc.oneof(
    { weight: 9, arbitrary: instantMs },
    { weight: 1, arbitrary: edgeMs },
  ),
  ns: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(999_999)),
  form: fc.constantFrom<InstantForm>("Z", "+02:00", ""),
}).map(({ ms, ns, form }) => instantText(ms, ns, ms >= Date.UTC(2105, 11, 31) ? "Z" : form));

/** One thing that happens: an event, or the one of so many before again. */
type Step = { readonly event: EventJson } | { readonly back: number };

/**
 * Streams of up to `maxLength` events: out of order and late by days, repeated, with nulls and
 * absent fields, with values at the bounds of fields and at the constants of the plugin, and with
 * few enough values that keys and times coincide.
 */
export function randomStreams(
  schema: EventSchema,
  literals: Literals = { numbers: [], texts: [] },
  maxLength = 40,
): fc.Arbitrary<readonly EventJson[]> {
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 6, arbitrary: fc.record({ event: randomEvents(schema, literals) }) },
    { weight: 1, arbitrary: fc.record({ back: fc.nat(3) }) },
  );
  return fc.array(step, { maxLength, size: "max" })
    .map((steps) => streamOf(schema, steps));
}

function streamOf(schema: EventSchema, steps: readonly Step[]): readonly EventJson[] {
  const stream: EventJson[] = [];
  for (const step of steps) {
    if ("event" in step) stream.push({ [schema.eventId]: `e${stream.length + 1}`, ...step.event });
    else if (stream.length > 0) stream.push(stream[Math.max(0, stream.length - 1 - step.back)]);
  }
  return stream;
}

/** Events of a schema without their id. */
function randomEvents(schema: EventSchema, literals: Literals): fc.Arbitrary<EventJson> {
  const fields = schema.fieldNames.filter((name) => name !== schema.eventId);
  return fc.record(
    Object.fromEntries(fields.map((name) => [name, valuesOf(schema.fields[name], literals)])),
  ).map((event) =>
    Object.fromEntries(Object.entries(event).filter(([, value]) => value !== undefined))
  );
}

/** Values of a field as JSON; undefined where it is absent. */
function valuesOf(field: Field, literals: Literals): fc.Arbitrary<unknown> {
  const present = presentValues(field, literals);
  if (!field.nullable) return present;
  return fc.oneof(
    { weight: 6, arbitrary: present },
    { weight: 2, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constant(undefined) },
  );
}

function presentValues(field: Field, literals: Literals): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case "string":
      return texts(field.maxBytes!, literals.texts);
    case "uint32":
      return numbers({ min: 0, max: 2 ** 32 - 1, scale: 0 }, literals.numbers);
    case "integer":
      return numbers({ min: field.min!, max: field.max!, scale: 0 }, literals.numbers);
    case "decimal":
      return numbers({ min: field.min!, max: field.max!, scale: field.scale! }, literals.numbers);
    case "enumeration":
      return fc.constantFrom(...field.values!);
    case "boolean":
      return fc.boolean();
    case "instant":
      return instants;
  }
}

/** Numbers within bounds, as whole steps of the scale: few small ones, the edges, and any. */
function numbers(
  { min, max, scale }: { readonly min: number; readonly max: number; readonly scale: number },
  literals: readonly number[],
): fc.Arbitrary<number> {
  const unit = 10 ** scale;
  const [least, most] = [Math.ceil(min * unit), Math.floor(max * unit)];
  const within = (steps: number) => Math.min(most, Math.max(least, Math.round(steps)));
  const edges = [least, most, 0, 1, -1, ...literals.flatMap(around(unit))].map(within);
  return fc.oneof(
    { weight: 4, arbitrary: fc.nat(3).map((whole) => within(whole * unit)) },
    { weight: 2, arbitrary: fc.integer({ min: -10, max: 30 }).map((n) => within(n * unit)) },
    { weight: 3, arbitrary: fc.constantFrom(...new Set(edges)) },
    { weight: 1, arbitrary: fc.integer({ min: within(-9 * unit), max: within(9 * unit) }) },
    { weight: 1, arbitrary: fc.integer({ min: least, max: most }) },
  ).map((steps) => steps / unit);
}

/** A constant, and a step below and above it. */
const around = (unit: number) => (value: number) => [0, 1, -1].map((step) => value * unit + step);

const TEXTS = ["", "A", "é", "ß", "日本語", "😀", "it's", '"', "\\", "a/b?c=d", " ", "\u0000"];

/** Texts of at most so many bytes. */
function texts(maxBytes: number, literals: readonly string[]): fc.Arbitrary<string> {
  const fits = (text: string) => new TextEncoder().encode(text).length <= maxBytes;
  const known = [...TEXTS, ...literals.flatMap((text) => [text, `${text}x`, `x${text}`])];
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom("a", "b", "c") },
    { weight: 4, arbitrary: fc.constantFrom(...known, "x".repeat(maxBytes)).filter(fits) },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 8 }).filter(fits) },
  ).filter((text) => text.isWellFormed());
}
