/** Generators of records, from plain ones to hostile ones. */
import { fc } from "testing";
import type { EventSchema, Field } from "../../runtime/events.ts";

const utf8 = new TextEncoder();

/** White space where JSON allows it; usually none. */
export const space = fc.constantFrom("", "", "", "", " ", "\n", "\t\r\n ");

const digits = (least: number, most: number) =>
  fc.array(fc.constantFrom(..."0123456789"), { minLength: least, maxLength: most })
    .map((list) => list.join(""));

/** The texts of an instant, near ones to wrong ones included. */
const instantText = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.date({
      min: new Date(0),
      max: new Date("2105-12-31T23:59:59.999Z"),
      noInvalidDate: true,
    }).map((date) => date.toISOString()),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(
      fc.constantFrom(
        "2024-02-29",
        "2023-02-29",
        "1970-01-01",
        "2105-12-31",
        "2106-01-01",
        "2024-04-31",
      ),
      fc.constantFrom("T", " ", "t"),
      fc.constantFrom(
        "00:00:00",
        "23:59:59",
        "24:00:00",
        "12:60:00",
        "12:00:60",
        "08:15",
        "8:15:00",
      ),
      fc.oneof(fc.constant(""), digits(0, 10).map((text) => "." + text)),
      fc.constantFrom("Z", "", "+01:00", "-23:59", "+0530", "-08", "+24:00", "+00:60", "z"),
    ).map((parts) => parts.join("")),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 30 }) },
);

const numberText = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -20, max: 200 }).map(String) },
  {
    weight: 6,
    arbitrary: fc.tuple(fc.integer({ min: -300, max: 300 }), digits(1, 4)).map((parts) =>
      parts.join(".")
    ),
  },
  { weight: 2, arbitrary: fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String) },
  {
    weight: 2,
    arbitrary: fc.double().filter(Number.isFinite).map((value) => JSON.stringify(value)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "-0",
      "-0.0",
      "0e9",
      "1e5",
      "1E-5",
      "4.2e1",
      "1e400",
      "01",
      "-",
      "+1",
      ".5",
      "1.",
      "4294967295",
      "4294967296",
      "10.00",
      "10.01",
      "10.005",
      "99.95",
      "-273.15",
      "10000000000",
      "NaN",
      "0x1",
    ),
  },
);

/**
 * A decimal number as JSON has it: usually near a tie of its scale, from a few digits to more than a
 * 64-bit float holds, with and without an exponent.
 */
export function decimalText(scale: number): fc.Arbitrary<string> {
  const tail = fc.oneof(
    fc.constantFrom("", "5", "50", "49", "51", `5${"0".repeat(20)}1`, `4${"9".repeat(25)}`),
    digits(0, 30),
  );
  return fc.record({
    sign: fc.constantFrom("", "", "", "-"),
    whole: fc.oneof(fc.nat(9), fc.nat(99_999_999), fc.constantFrom(99_999_999, 100_000_000, 1e12)),
    places: digits(scale, scale),
    tail,
    exponent: fc.constantFrom(null, null, null, "e", "E"),
  }).map(({ sign, whole, places, tail, exponent }) => {
    if (exponent === null) return `${sign}${whole}.${places}${tail}`;
    // The same number, its point elsewhere.
    const text = `${whole}${places}${tail}`.replace(/^0+(?=\d)/, "");
    return `${sign}${text}${exponent}${-(places + tail).length}`;
  });
}

/** A string of JSON with all that may happen in one. */
const hostileString = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.string({ maxLength: 20, unit: "grapheme" }).map((text) => JSON.stringify(text)),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 300 }).map((text) => JSON.stringify(text)) },
  {
    weight: 2,
    arbitrary: fc.array(
      fc.constantFrom(
        "a",
        "é",
        "🎬",
        "\\n",
        '\\"',
        "\\u0041",
        "\\ud83c",
        "\\udfac",
        "\\x",
        "\0",
        "\u007f",
        "\u2028",
        "\\/",
        "\\u00",
      ),
      { maxLength: 8 },
    ).map((parts) => `"${parts.join("")}"`),
  },
);

/** Any JSON value, and some texts that are none. */
export const anyJson = fc.oneof(
  numberText,
  hostileString,
  fc.constantFrom(
    "null",
    "true",
    "false",
    "nul",
    "[]",
    "{}",
    '{"a":[1,{"b":"]"}]}',
    "",
    "[".repeat(3000),
  ),
  fc.json({ maxDepth: 3 }),
);

/** A plain valid value of a field, as JSON. */
function plain(field: Field): fc.Arbitrary<string> {
  switch (field.kind) {
    case "string":
      return fc.string({ minLength: 1, maxLength: 6 }).map((text) =>
        `"${text.replace(/["\\]/g, "_")}"`
      );
    case "uint32":
      return fc.integer({ min: 0, max: 2 ** 32 - 1 }).map(String);
    case "integer":
      return fc.integer({ min: field.min, max: Math.min(field.max!, 2 ** 31 - 1) }).map(String);
    case "boolean":
      return fc.boolean().map(String);
    case "enumeration":
      return fc.constantFrom(...field.values!).map((value) => JSON.stringify(value));
    case "decimal":
      return fc.integer({
        min: Math.max(Math.ceil(field.min! * 10 ** field.scale!), -(2 ** 31)),
        max: Math.min(Math.floor(field.max! * 10 ** field.scale!), 2 ** 31 - 1),
      }).map((scaled) => (scaled / 10 ** field.scale!).toFixed(field.scale));
    case "instant":
      return fc.date({ min: new Date(0), max: new Date("2105-12-31"), noInvalidDate: true })
        .map((date) => JSON.stringify(date));
  }
}

function hostile(field: Field): fc.Arbitrary<string> {
  if (field.kind === "instant") return instantText.map((text) => JSON.stringify(text));
  if (field.kind === "string") return hostileString;
  if (field.kind === "enumeration") {
    return fc.constantFrom(
      '"view"',
      '"View"',
      '"A"',
      '"q\\"uote"',
      '"q"uote"',
      '"gr\\u00f6ße"',
      '"A',
      "0",
    );
  }
  return numberText;
}

type Member = readonly [key: string, value: string];

/**
 * A record: plain; or wild, with members in any order, white space, duplicates and strangers; or
 * plain but for the value of one field, `target`.
 */
export function record(schema: EventSchema, wild: boolean, target = ""): fc.Arbitrary<string> {
  const members = schema.fieldNames.map((name): fc.Arbitrary<Member | null> => {
    const field = schema.fields[name];
    if (name === target) {
      const value = fc.oneof({ weight: 3, arbitrary: hostile(field) }, anyJson);
      return value.map((json): Member => [JSON.stringify(name), json]);
    }
    const value = fc.oneof(
      { weight: wild ? 8 : 1, arbitrary: plain(field) },
      ...(field.nullable ? [{ weight: 1, arbitrary: fc.constant("null") }] : []),
      ...(wild
        ? [{ weight: 1, arbitrary: hostile(field) }, { weight: 1, arbitrary: anyJson }]
        : []),
    ).map((json): Member => [JSON.stringify(name), json]);
    return fc.option(value, { freq: field.nullable ? 4 : wild ? 60 : 1e9 });
  });
  const stranger: fc.Arbitrary<Member> = fc.tuple(
    fc.oneof(
      fc.constantFrom(
        '"extra"',
        '"__proto__"',
        '"toString"',
        '"event_\\u0069d"',
        '"user_id "',
        '""',
      ),
      fc.constantFrom(...schema.fieldNames).map((name) => JSON.stringify(name)),
      hostileString,
    ),
    anyJson,
  );
  return fc.tuple(
    fc.tuple(...members),
    wild ? fc.array(stranger, { maxLength: 2 }) : fc.constant([]),
    fc.boolean(),
    fc.infiniteStream(fc.nat(1000)),
    fc.infiniteStream(wild ? space : fc.constant("")),
  ).map(([declared, strangers, shuffle, random, spaces]) => {
    const all = [...declared.filter((member) => member !== null), ...strangers];
    if (shuffle) {
      const order = new Map(all.map((member) => [member, random.next().value]));
      all.sort((a, b) => order.get(a)! - order.get(b)!);
    }
    const gap = () => spaces.next().value;
    const text = all.map(([key, value]) => `${gap()}${key}${gap()}:${gap()}${value}${gap()}`);
    return `${gap()}{${text.join(",")}}${gap()}`;
  });
}

/** A record of which one field is hostile and all else plain, so that this one decides. */
export function oneHostile(schema: EventSchema): fc.Arbitrary<string> {
  return fc.constantFrom(...schema.fieldNames).chain((name) => record(schema, false, name));
}

/** Byte sequences that may not stand in a string, and some that may. */
const sequence = fc.constantFrom(
  [0xc0, 0xaf],
  [0xc1, 0xbf],
  [0xe0, 0x9f, 0xbf],
  [0xed, 0xa0, 0x80],
  [0xf0, 0x8f, 0xbf, 0xbf],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf5, 0x80, 0x80, 0x80],
  [0xe2, 0x82],
  [0x80],
  [0x00],
  [0x1f],
  [0x7f],
  [0xc3, 0xa9],
  [0xed, 0x9f, 0xbf],
  [0xf4, 0x8f, 0xbf, 0xbf],
);

/** Bytes of a record with some of them changed, put in, taken out, or the end cut off. */
export function mutated(source: fc.Arbitrary<string>): fc.Arbitrary<Uint8Array> {
  const byte = fc.oneof(
    fc.constantFrom(...utf8.encode('"\\{}[],:0-.eE nt\n\0')),
    fc.constantFrom(0xc0, 0xc2, 0xed, 0xa0, 0x80, 0xe0, 0xf4, 0x90, 0xff, 0xef, 0xbb, 0xbf),
    fc.integer({ min: 0, max: 255 }),
  );
  const edit = fc.record({ at: fc.nat(), how: fc.nat(5), byte, sequence });
  return fc.tuple(source, fc.array(edit, { minLength: 1, maxLength: 2 })).map(([text, edits]) => {
    const bytes = [...utf8.encode(text)];
    for (const { at, how, byte, sequence } of edits) {
      const place = at % (bytes.length + 1);
      if (how === 0) bytes.splice(place, 1);
      else if (how === 1) bytes.splice(place, 0, byte);
      else if (how === 2) bytes.splice(place, 1, byte);
      else if (how === 3 && at % 5 === 0) bytes.length = place;
      else if (how > 3) bytes.splice(bytes.indexOf(0x22, place) + 1, 0, ...sequence);
    }
    return Uint8Array.from(bytes);
  });
}
