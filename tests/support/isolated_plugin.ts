/** A plugin with a function of every kind. */
import {
  boolean,
  compute,
  count,
  decimal,
  definePlugin,
  enumeration,
  type EventOf,
  string,
  sum,
  uint32,
} from "twofold";
import { readings } from "./readings.schema.ts";

type Reading = EventOf<typeof readings>;
const none = { sql: "1" };

export default definePlugin(readings, {
  name: "isolated",
  summary: "Readings by what functions make of them",
  where: () =>
    compute(
      boolean(),
      (reading: Reading) => !reading.id.endsWith("7") && reading.state_or_null !== "a",
      none,
    ),
  key: ({ meter }) => ({
    meter,
    tail: compute(string(), (reading: Reading) => `…${reading.id.slice(-2)}`, none),
    whole: compute(uint32(), (reading: Reading) => Math.abs(Math.floor(reading.level)), none),
    sign: compute(
      enumeration(["below", "above"]),
      (reading: Reading) => reading.level < 0 ? "below" : "above",
      none,
    ),
    note: compute(string({ nullable: true }), (reading: Reading) => reading.note, none)
      .coalesce("none").upper(),
  }),
  measures: () => ({
    reading_count: count(),
    half: sum(
      compute(
        decimal({ scale: 1, min: -1e6, max: 1e6, nullable: true }),
        (reading: Reading) => reading.level_or_null === null ? null : reading.level_or_null / 2,
        none,
      ),
    ),
  }),
});
