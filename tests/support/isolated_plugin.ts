/** A plugin with a function of every kind. */
import { count, definePlugin, enumeration, string, tumbling, uint32 } from "twofold";
import { readings } from "./archive_world.ts";

export default definePlugin({
  name: "isolated",
  version: 1,
  summary: "Readings by what functions make of them",
  source: readings,
  where: (reading) => !reading.id.endsWith("7") && reading.state_or_null !== "a",
  key: {
    meter: "meter",
    tail: { type: string(), of: (reading) => `…${reading.id.slice(-2)}` },
    whole: { type: uint32(), of: (reading) => Math.abs(Math.floor(reading.level)) },
    sign: {
      type: enumeration(["below", "above"]),
      of: (reading) => reading.level < 0 ? "below" : "above",
    },
    note: { type: string(), of: (reading) => reading.note ?? "none" },
  },
  measures: { reading_count: count() },
  stream: { window: tumbling("10s"), relation: { name: "stream_isolated" } },
  batch: { sql: "SELECT 1", grain: "hour", relation: { name: "batch_isolated" } },
  present: { title: "Isolated", chart: "bar", by: "meter", sort: "-reading_count" },
});
