import { count, definePlugin, tumbling } from "twofold";
import { movieViewing } from "./movie_viewing.schema.ts";

export default definePlugin({
  name: "completed_movies",
  version: 1,
  summary: "How often each movie was watched to its end",
  source: movieViewing,
  where: (event) => event.event_type === "complete",
  key: { movie_id: "movie_id" },
  measures: { completed_count: count() },
  stream: { window: tumbling("10s"), relation: { name: "stream_completed_movies" } },
  batch: {
    sql: "batch/completed_movies.sql",
    grain: "hour",
    relation: { name: "batch_completed_movies" },
  },
  present: { title: "Completed movies", chart: "bar", by: "movie_id", sort: "-completed_count" },
});
