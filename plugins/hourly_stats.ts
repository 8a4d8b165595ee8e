import { count, definePlugin } from "twofold";
import HourOfDay from "../islands/HourOfDay.tsx";
import { movieViewing } from "./movie_viewing.schema.ts";

export default definePlugin(movieViewing, {
  name: "hourly_stats",
  summary: "Events per type, and per hour of the day",
  key: ({ event_type }) => ({ event_type }),
  measures: () => ({ event_count: count() }),
  stream: { relation: { name: "stream_event_distribution" } },
  batch: { sql: "batch/hourly_stats.sql", relation: { by: { hour: "toHour(bucket)" } } },
  present: { title: "Event types", chart: "line", island: HourOfDay },
});
