import { avg, count, definePlugin, tumbling, uniq } from "twofold";
import { movieViewing } from "./movie_viewing.schema.ts";

export default definePlugin({
  name: "user_stats",
  version: 1,
  summary: "Events, distinct movies and average duration per user",
  source: movieViewing,
  key: { user_id: "user_id" },
  measures: {
    total_events: count(),
    movies_watched: uniq("movie_id"),
    avg_duration: avg("duration"),
  },
  stream: {
    window: tumbling("10s"),
    relation: { name: "stream_user_activity", columns: { activity_count: "total_events" } },
  },
  batch: { sql: "batch/user_stats.sql", grain: "hour", relation: { name: "batch_user_stats" } },
  present: { title: "Active users", chart: "bar", by: "user_id", sort: "-total_events" },
});
