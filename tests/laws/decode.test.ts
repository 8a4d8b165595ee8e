import { describe, expect, fc, it } from "testing";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import type { EventSchema } from "../../runtime/events.ts";
import { decodeRows, sensorReading } from "../support/decoding.ts";
import { anyJson, mutated, oneHostile, record } from "../support/hostile_json.ts";

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
