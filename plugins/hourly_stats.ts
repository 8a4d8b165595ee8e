import { count, definePlugin, tumbling } from "twofold";
import HourOfDay from "../islands/HourOfDay.tsx";
import { movieViewing } from "./movie_viewing.schema.ts";

export default definePlugin({
  name: "hourly_stats",
  version: 1,
  summary: "Events per type, and per hour of the day",
  source: movieViewing,
  key: { event_type: "event_type" },
  measures: { event_count: count() },
  stream: { window: tumbling("10s"), relation: { name: "stream_event_distribution" } },
  batch: {
    sql: "batch/hourly_stats.sql",
    grain: "hour",
    relation: { name: "batch_hourly_stats", by: { hour: "toHour(bucket)" } },
  },
  present: {
    ...{ title: "Event types", chart: "line", by: "event_type", sort: "-event_count" },
    island: HourOfDay,
  },
});
