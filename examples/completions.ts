/** Completed views per movie: copy this file to `plugins/` and start again. */
import { count, definePlugin, max, tumbling } from "twofold";
import { movieViewing } from "../plugins/movie_viewing.schema.ts";

export default definePlugin({
  name: "completions",
  version: 1,
  summary: "How often each movie was watched to its end, and the longest time that took",
  source: movieViewing,
  where: (event) => event.event_type === "complete",
  key: { movie_id: "movie_id" },
  measures: { completion_count: count(), longest_seconds: max("duration") },
  stream: { window: tumbling("10s"), relation: { name: "stream_completions" } },
  batch: {
    sql: `
      SELECT toStartOfHour(event_time) AS bucket, movie_id,
             count() AS completion_count, max(duration) AS longest_seconds
      FROM events
      WHERE event_type = 'complete'
      GROUP BY bucket, movie_id`,
    grain: "hour",
    relation: { name: "batch_completions" },
  },
  present: { title: "Completions", chart: "bar", by: "movie_id", sort: "-completion_count" },
});
