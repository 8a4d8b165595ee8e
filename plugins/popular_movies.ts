import { count, definePlugin, tumbling } from "twofold";
import { movieViewing } from "./movie_viewing.schema.ts";

export default definePlugin({
  name: "popular_movies",
  version: 1,
  summary: "Views per movie",
  source: movieViewing,
  where: (event) => event.event_type === "view",
  key: { movie_id: "movie_id" },
  measures: { view_count: count() },
  stream: { window: tumbling("10s"), relation: { name: "stream_movie_views" } },
  batch: {
    sql: "batch/popular_movies.sql",
    grain: "hour",
    relation: { name: "batch_popular_movies" },
  },
  present: { title: "Popular movies", chart: "bar", by: "movie_id", sort: "-view_count" },
});
