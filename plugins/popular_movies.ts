import { count, definePlugin } from "twofold";
import { movieViewing } from "./movie_viewing.schema.ts";

export default definePlugin(movieViewing, {
  name: "popular_movies",
  summary: "Views per movie",
  where: ({ event_type }) => event_type.eq("view"),
  key: ({ movie_id }) => ({ movie_id }),
  measures: () => ({ view_count: count() }),
  stream: { relation: { name: "stream_movie_views" } },
  batch: { sql: "batch/popular_movies.sql" },
});
