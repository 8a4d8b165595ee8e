import { describe, expect, fc, it } from "testing";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import type { EventSchema } from "../../runtime/events.ts";
import { CsvRows } from "../../runtime/sources/csv_rows.ts";
import { EventWriter } from "../../runtime/sources/event_writer.ts";
import { decodeRows, sensorReading } from "../support/decoding.ts";
import { anyJson, decimalText, mutated, oneHostile, record } from "../support/hostile_json.ts";

const utf8 = new TextEncoder();

const schemas: [string, EventSchema][] = [["movies", movieViewing], ["sensors", sensorReading]];

for (const [name, schema] of schemas) {
  describe(`decode() of ${name}`, () => {
    const value = fc.oneof(
      { weight: 3, arbitrary: record(schema, false) },
      { weight: 6, arbitrary: record(schema, true) },
      { weight: 8, arbitrary: oneHostile(schema) },
      { weight: 6, arbitrary: mutated(record(schema, false)) },
      { weight: 1, arbitrary: anyJson },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) },
      { weight: 1, arbitrary: fc.constant(null) },
    );

    it("gives the same columns and faults with and without the fast path", () => {
      let fastRecords = 0;
      let events = 0;
      let faultRecords = 0;
      fc.assert(
        fc.property(fc.array(value, { maxLength: 12 }), (values) => {
          const fast = decodeRows(schema, values);
          const reference = decodeRows(schema, values, { fastPath: false });
          expect(fast.rows).toEqual(reference.rows);
          expect(fast.faults).toEqual(reference.faults);
          fastRecords += fast.stats.fastRecords;
          faultRecords += fast.faults.length;
          events += fast.rows.filter(({ status }) => status === 0).length;
        }),
        { numRuns: 600 },
      );
      // The law would hold for a fast path that takes nothing, and for records that are all refused.
      expect(fastRecords).toBeGreaterThan(events / 3);
      expect(events).toBeGreaterThan(200);
      expect(faultRecords).toBeGreaterThan(200);
    });

    it("takes nearly all plain records on the fast path, in any order of keys", () => {
      let fastRecords = 0;
      let records = 0;
      fc.assert(
        fc.property(fc.array(record(schema, false), { maxLength: 20 }), (values) => {
          const { stats, faults } = decodeRows(schema, values);
          expect(faults).toEqual([]);
          fastRecords += stats.fastRecords;
          records += values.length;
        }),
        { numRuns: 50 },
      );
      expect(fastRecords / records).toBeGreaterThan(name === "movies" ? 0.999 : 0.7);
    });
  });
}

/** The number in `text`, in units of 10^−scale, half away from zero, by whole numbers alone. */
function unitsOf(text: string, scale: number): bigint {
  const [mantissa, exponent = "0"] = text.toLowerCase().split("e");
  const [whole, fraction = ""] = mantissa.replace("-", "").split(".");
  const power = BigInt(exponent) + BigInt(scale) - BigInt(fraction.length);
  const digits = BigInt(whole + fraction);
  const [top, bottom] = power < 0n ? [digits, 10n ** -power] : [digits * 10n ** power, 1n];
  const rounded = (2n * top + bottom) / (2n * bottom);
  return mantissa.startsWith("-") ? -rounded : rounded;
}

describe("a decimal", () => {
  const head = "event_id,user_id,movie_id,event_type,timestamp,duration";
  const cells = "e,1,2,view,2024-01-01T00:00:00Z,";

  /** The same event as a row of CSV, converted. */
  function fromCsv(duration: string): Uint8Array {
    const rows = new CsvRows(movieViewing);
    const writer = new EventWriter();
    const [header, row] = [head, cells + duration].map((text) => utf8.encode(text));
    rows.header(header, 0, header.length);
    expect(rows.write(row, 0, row.length, writer)).toBeNull();
    return writer.view().slice();
  }

  it("is rounded by its digits, by the fast path, by JSON.parse and from CSV alike", () => {
    const bound = 100_000_000_000n;
    const seen = { accepted: 0, refused: 0, fast: 0 };
    fc.assert(
      fc.property(decimalText(3), (text) => {
        const json = fromCsv(text);
        const units = unitsOf(text, 3);
        const fits = units >= -bound && units <= bound;
        const fast = decodeRows(movieViewing, [json]);
        for (
          const { rows, faults } of [fast, decodeRows(movieViewing, [json], { fastPath: false })]
        ) {
          expect(faults.map(({ field }) => field)).toEqual(fits ? [] : ["duration"]);
          if (!fits) continue;
          expect(rows[0].fields).toMatchObject({ duration: { value: Number(units), isNull: 0 } });
        }
        seen[fits ? "accepted" : "refused"]++;
        seen.fast += fast.stats.fastRecords;
      }),
      { numRuns: 1000 },
    );
    expect(seen.accepted).toBeGreaterThan(300);
    expect(seen.refused).toBeGreaterThan(100);
    expect(seen.fast).toBeGreaterThan(200);
  });
});
