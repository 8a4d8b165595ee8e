import { count, definePlugin, sum, tumbling } from "twofold";
import { movieViewing } from "./movie_viewing.schema.ts";

export default definePlugin({
  name: "ratings",
  version: 1,
  summary: "Average rating and number of ratings per movie",
  source: movieViewing,
  where: (event) => event.rating !== null,
  key: { movie_id: "movie_id" },
  measures: { rating_count: count(), rating_sum: sum("rating") },
  derive: { avg_rating: "rating_sum / rating_count" },
  stream: {
    window: tumbling("10s"),
    relation: {
      name: "stream_ratings",
      columns: { avg_rating: "avg_rating", rating_count: "rating_count" },
    },
  },
  batch: {
    sql: "batch/ratings.sql",
    grain: "hour",
    relation: {
      name: "batch_ratings_stats",
      columns: { avg_rating: "avg_rating", rating_count: "rating_count" },
    },
  },
  present: { title: "Ratings", chart: "bar", by: "movie_id", sort: "-rating_count" },
});
