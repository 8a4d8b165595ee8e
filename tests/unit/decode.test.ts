import { describe, expect, it } from "testing";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import { allocateColumns, RowStatus } from "../../runtime/model/columns.ts";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import { chunkOf } from "../../runtime/testing/chunk.ts";
import { decodeOne, decodeRows, movie, sensorReading } from "../support/decoding.ts";

const utf8 = new TextEncoder();

function columnOf(value: string, name: string): unknown {
  const { row, fault } = decodeOne(value);
  if (fault) throw new Error(fault.reason);
  return (row.fields as Record<string, unknown>)[name];
}

describe("decode()", () => {
  it("fills every column of a plain event on the fast path", () => {
    const { row, fast } = decodeOne(movie());
    expect(fast).toBe(true);
    expect(row).toMatchObject({
      status: RowStatus.event,
      offset: 40n,
      eventMs: Date.UTC(2024, 1, 29, 12, 34, 56, 789),
      eventNs: 0,
      unknown: 0,
      fields: {
        event_id: { value: "e-1" },
        user_id: { value: 7 },
        movie_id: { value: 4294967295 },
        event_type: { value: 1 },
        duration: { value: 1500, isNull: 0 },
        rating: { value: 0, isNull: 1 },
      },
    });
  });

  const fast: Record<string, string> = {
    "white space": ` { "event_id" : "e", "user_id":1\n,\t"movie_id":2 , "event_type":"view",\r\n` +
      `"timestamp":"2024-01-01 00:00:00" ,"rating":10.00}\n`,
    "another order of keys": movie({ event_id: undefined }).replace("{", '{"event_id":"late",'),
    "fields that are not declared": movie({ a: '"x"', b: "-0.5e+7", c: "null", d: "true" }),
    "text beyond ASCII": movie({ event_id: '"Amélie 🎬 \u2028"' }),
    "an instant in lower case": movie({ timestamp: '"2024-01-01t00:00:00.5z"' }),
    "an offset of the instant": movie({ timestamp: '"2024-01-01T00:00:00.123456789+05:30"' }),
    "a long id": movie({ event_id: `"${"x".repeat(256)}"` }),
  };
  for (const [name, value] of Object.entries(fast)) {
    it(`takes ${name} on the fast path`, () => {
      const { fault, fast } = decodeOne(value);
      expect(fault).toBeUndefined();
      expect(fast).toBe(true);
    });
  }

  it("accepts whole numbers however they are written", () => {
    for (const raw of ["42", "42.0", "4.2e1", "420E-1", "42.000000000000000000001"]) {
      expect(columnOf(movie({ user_id: raw }), "user_id")).toEqual({
        value: 42,
        isNull: undefined,
      });
    }
    expect(columnOf(movie({ user_id: "-0" }), "user_id")).toMatchObject({ value: 0 });
  });

  it("rounds decimals to their scale by their digits, half away from zero, and −0 to 0", () => {
    const cases: Record<string, number> = {
      "1.0005": 1001,
      "0.5075": 508,
      "1.00049999999999999999999": 1000, // as a 64-bit float it is 1.0005
      "10004999999999999999999e-22": 1000,
      "5.075e-1": 508,
      "-1.5": -1500,
      "0.0005": 1,
      "-0.0005": -1,
      "-0.0004": 0,
      "-0": 0,
      "-0.000": 0,
      "99999999.999": 99999999999,
      "1e-7": 0,
      "100000000": 100000000000,
    };
    for (const [raw, value] of Object.entries(cases)) {
      expect(columnOf(movie({ duration: raw }), "duration")).toEqual({ value, isNull: 0 });
    }
    for (const [raw, value] of [["1.005", 101], ["8.575", 858], ["0.285", 29]] as const) {
      expect(columnOf(movie({ rating: raw }), "rating")).toEqual({ value, isNull: 0 });
    }
  });

  it("rounds a tie by its own digits, whatever else has its name", () => {
    const tie = "1.00499999999999999999";
    for (
      const record of [
        movie({ rating: tie, extra: '{"rating":1.005}' }),
        movie({ extra: '{"rating":1.005}', rating: "2" }).slice(0, -1) + `,"rating":${tie}}`,
      ]
    ) expect(columnOf(record, "rating")).toEqual({ value: 100, isNull: 0 });
  });

  it("holds a decimal to its bounds once it is rounded", () => {
    expect(columnOf(movie({ rating: "10.0049" }), "rating")).toEqual({ value: 1000, isNull: 0 });
    expect(columnOf(movie({ rating: "-0.0049" }), "rating")).toEqual({ value: 0, isNull: 0 });
    expect(decodeOne(movie({ rating: "-0.005" })).fault.reason).toBe(
      "rating must be at least 0, got -0.005",
    );
  });

  it("leaves out a byte order mark before an event, and keeps a dead letter as it came", () => {
    const { rows, columns } = decodeRows(movieViewing, ["\ufeff" + movie(), movie(), "\ufeff{}"]);
    const valueOf = (row: number) =>
      new TextDecoder("utf-8", { ignoreBOM: true }).decode(
        columns.bytes.slice(columns.valueStart[row], columns.valueEnd[row]),
      );
    expect(rows.map(({ status }) => status)).toEqual([
      RowStatus.event,
      RowStatus.event,
      RowStatus.deadLetter,
    ]);
    expect(rows[0].identity).toEqual(rows[1].identity);
    expect([0, 1, 2].map(valueOf)).toEqual([movie(), movie(), "\ufeff{}"]);
  });

  it("lets the last of duplicate keys win", () => {
    const value = movie().replace("}", ',"user_id":"no","user_id":9}');
    expect(columnOf(value, "user_id")).toMatchObject({ value: 9 });
    expect(decodeOne(movie().replace("}", ',"user_id":"no"}')).fault).toMatchObject({
      field: "user_id",
    });
  });

  it("accepts and marks fields that are not declared, nested ones and __proto__ too", () => {
    for (const raw of ["1", '"\\n"', "[{}]", "null"]) {
      expect(decodeOne(movie({ extra: raw })).row.unknown).toBe(1);
      expect(decodeOne(movie({ __proto__x: raw })).row.unknown).toBe(1);
      expect(decodeOne(movie().replace("{", `{"__proto__":${raw},`)).row.unknown).toBe(1);
    }
    expect(decodeOne(movie()).row.unknown).toBe(0);
  });

  it("keeps texts with escapes behind the chunk's bytes, in shared memory", () => {
    const values = [
      movie(),
      movie({ event_id: '"a\\u00e9\\ud83c\\udfac\\n"' }),
      movie({ event_id: '"\\u0065-1"' }),
    ];
    const { rows, columns } = decodeRows(movieViewing, values);
    const ids = rows.map(({ fields }) =>
      (fields as { event_id: { value: string } }).event_id.value
    );
    expect(ids).toEqual(["e-1", "aé🎬\n", "e-1"]);
    expect(rows[0].identity).toEqual(rows[2].identity);
    expect(columns.bytes.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(columns.bytes.length).toBe(chunkOf(values).bytes.length + 11);
    const plain = chunkOf([movie()]);
    createDecoder(movieViewing).decode(plain, columns);
    expect(columns.bytes).toBe(plain.bytes);
  });

  it("gives the same identity to the same instant, however it is written", () => {
    const at = (timestamp: string) =>
      decodeOne(movie({ timestamp: `"${timestamp}"` })).row.identity as number[];
    const id = at("2024-01-01T00:00:00Z");
    for (
      const same of [
        "2024-01-01T00:00",
        "2024-01-01 00:00:00.000000000",
        "2024-01-01T02:00+02",
        "2023-12-31T19:30:00-0430",
        "2024-01-01t00:00:00z",
      ]
    ) expect(at(same)).toEqual(id);
    expect(at("2024-01-01T00:00:00.000000001Z")).not.toEqual(id);
  });

  it("copies the chunk's head and turns ticks into rows of their own", () => {
    const { rows, faults, columns } = decodeRows(movieViewing, [null, movie(), null]);
    expect(faults).toEqual([]);
    expect(rows.map(({ status }) => status)).toEqual([1, 0, 1]);
    expect([columns.partition, columns.from, columns.to, columns.count]).toEqual([3, 40n, 46n, 3]);
    expect([...columns.offsetDelta]).toEqual([0, 2, 4]);
    expect(columns.appendMs[2]).toBe(1_700_000_000_002);
  });

  it("throws RangeError when the chunk does not fit", () => {
    const columns = allocateColumns(movieViewing, 1);
    expect(() => createDecoder(movieViewing).decode(chunkOf([null, null]), columns)).toThrow(
      "count must be at most the columns' capacity 1, got 2",
    );
  });

  it("decodes a schema with awkward names and values", () => {
    const reading = {
      sensor: "s-1",
      at: "1970-01-01T00:00:00Z",
      constructor: "id",
      level: -5,
      ok: true,
      grade: "größe",
      heat: -273.15,
      a: 0,
    };
    const { row, fast } = decodeOne(JSON.stringify(reading), sensorReading);
    expect(row.fields).toMatchObject({
      level: { value: -5 },
      ok: { value: 1 },
      alarm: { isNull: 1 },
      grade: { value: 3 },
      note: { isNull: 1 },
      heat: { value: -2732 },
    });
    expect(fast).toBe(true);
    for (const [code, grade] of ["A", "", 'q"uote', "größe", "A1", "ABCDE"].entries()) {
      const { row } = decodeOne(JSON.stringify({ ...reading, heat: 0.5, grade }), sensorReading);
      expect(row.fields).toMatchObject({ grade: { value: code } });
    }
    const { constructor: _, ...anonymous } = reading;
    expect(decodeOne(JSON.stringify(anonymous), sensorReading).fault.field).toBe("constructor");
  });

  const invalid = (bytes: number[]) => {
    const value = utf8.encode(movie({ event_id: `"${"?".repeat(bytes.length)}"` }));
    value.set(bytes, value.indexOf(0x3f));
    return value;
  };
  const faults: [name: string, value: string | Uint8Array, field: string, reason: string][] = [
    ["an empty value", "", "", "record must be a JSON object, got an empty value"],
    ["white space", " ", "", "record must be JSON, got text that ends early"],
    ["two byte order marks", "\ufeff\ufeff" + movie(), "", "record must be JSON, got"],
    ["a byte order mark alone", "\ufeff", "", "record must be JSON, got text that ends early"],
    ["an array", "[]", "", "record must be a JSON object, got an array"],
    ["a number", "12", "", "record must be a JSON object, got 12"],
    ["null", "null", "", "record must be a JSON object, got null"],
    ["a record that ends early", movie().slice(0, -1), "", "got text that ends early"],
    ["trailing garbage", movie() + "}", "", 'record must be JSON, got "}" at character'],
    ["two records", movie() + movie(), "", "record must be JSON, got"],
    ["a trailing comma", movie().replace("}", ",}"), "", "record must be JSON, got"],
    ["an overlong form", invalid([0xc0, 0xaf]), "", "record must be UTF-8"],
    ["an overlong form of three", invalid([0xe0, 0x9f, 0xbf]), "", "record must be UTF-8"],
    ["a surrogate in UTF-8", invalid([0xed, 0xa0, 0x80]), "", "record must be UTF-8"],
    ["a code point that is too high", invalid([0xf4, 0x90, 0x80, 0x80]), "", "must be UTF-8"],
    ["a cut sequence", invalid([0xe2, 0x82]), "", "record must be UTF-8"],
    ["a NUL in a text", invalid([0]), "", "record must be JSON, got"],
    ["leading zeros", movie({ user_id: "07" }), "", "record must be JSON, got"],
    ["a bare point", movie({ duration: "1." }), "", "record must be JSON, got"],
    ["a plus sign", movie({ duration: "+1" }), "", "record must be JSON, got"],
    [
      "oversize",
      movie({ x: `"${"x".repeat(1 << 20)}"` }),
      "",
      "at most 1048576 bytes long, got 104",
    ],
    ["a missing field", movie({ user_id: undefined }), "user_id", "a whole number, got nothing"],
    ["null for a number", movie({ user_id: "null" }), "user_id", "a whole number, got null"],
    ["a number as text", movie({ user_id: '"42"' }), "user_id", 'a whole number, got "42"'],
    ["a fraction", movie({ user_id: "1.5" }), "user_id", "a whole number, got 1.5"],
    [
      "too large an id",
      movie({ movie_id: "4294967296" }),
      "movie_id",
      "at most 4294967295, got 4294967296",
    ],
    ["a negative id", movie({ user_id: "-1" }), "user_id", "user_id must be at least 0, got -1"],
    ["infinity", movie({ user_id: "1e999" }), "user_id", "at most 4294967295, got Infinity"],
    [
      "too high a rating",
      movie({ rating: "10.005" }),
      "rating",
      "rating must be at most 10, got 10.005",
    ],
    ["an object", movie({ rating: '{"a":1}' }), "rating", "a number, got an object"],
    [
      "an unknown type",
      movie({ event_type: '"View"' }),
      "event_type",
      'one of view, pause, resume, complete, rating, got "View"',
    ],
    [
      "too long an id",
      movie({ event_id: `"${"é".repeat(129)}"` }),
      "event_id",
      "at most 256 bytes long, got 258 bytes",
    ],
    ["an empty id", movie({ event_id: '""' }), "event_id", 'event_id must not be empty, got ""'],
    [
      "an empty id after another fault",
      movie({ event_id: '""', rating: "11" }),
      "rating",
      "rating must be at most 10, got 11",
    ],
    ["a number as id", movie({ event_id: "5" }), "event_id", "event_id must be text, got 5"],
    [
      "a lone surrogate",
      movie({ event_id: '"a\\ud83c"' }),
      "event_id",
      'well-formed text, got lone surrogate in "a\ufffd"',
    ],
    [
      "no date",
      movie({ timestamp: '"yesterday"' }),
      "timestamp",
      'an ISO 8601 instant from 1970 to 2105, got "yesterday"',
    ],
  ];
  for (const [name, value, field, reason] of faults) {
    it(`refuses ${name} with field and reason`, () => {
      const { row, fault } = decodeOne(value);
      expect(row.status).toBe(RowStatus.deadLetter);
      expect(fault).toMatchObject({ row: 0, field });
      expect(fault.reason).toContain(reason);
      expect(fault.reason.length).toBeLessThan(160);
    });
  }

  it("names the first field at fault in declared order, and the row", () => {
    const { faults } = decodeRows(movieViewing, [movie(), movie({ rating: '""', user_id: "-1" })]);
    expect(faults).toEqual([
      { row: 1, field: "user_id", reason: "user_id must be at least 0, got -1" },
    ]);
  });

  it("does not read into the next record", () => {
    const cut = movie();
    for (let at = 1; at < cut.length; at++) {
      const { rows, faults } = decodeRows(movieViewing, [cut.slice(0, at), cut.slice(at), movie()]);
      expect(faults.map(({ row }) => row)).toEqual([0, 1]);
      expect(rows[2].status).toBe(RowStatus.event);
    }
  });
});
