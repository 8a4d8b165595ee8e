import { avg, count, definePlugin, uniq } from "twofold";
import { movieViewing } from "./movie_viewing.schema.ts";

export default definePlugin(movieViewing, {
  name: "user_stats",
  summary: "Events, distinct movies and average duration per user",
  key: ({ user_id }) => ({ user_id }),
  measures: ({ movie_id, duration }) => ({
    total_events: count(),
    movies_watched: uniq(movie_id),
    avg_duration: avg(duration),
  }),
  stream: {
    relation: { name: "stream_user_activity", columns: { activity_count: "total_events" } },
  },
  batch: { sql: "batch/user_stats.sql" },
  present: { title: "Active users" },
});
