import { count, definePlugin, sum } from "twofold";
import { movieViewing } from "./movie_viewing.schema.ts";

const columns = { avg_rating: "avg_rating", rating_count: "rating_count" };

export default definePlugin(movieViewing, {
  name: "ratings",
  summary: "Average rating and number of ratings per movie",
  where: ({ rating }) => rating.isNotNull(),
  key: ({ movie_id }) => ({ movie_id }),
  measures: ({ rating }) => ({ rating_count: count(), rating_sum: sum(rating) }),
  derive: ({ rating_sum, rating_count }) => ({
    avg_rating: rating_sum.per(rating_count).unit("stars"),
  }),
  stream: { relation: { columns } },
  batch: { sql: "batch/ratings.sql", relation: { name: "batch_ratings_stats", columns } },
});
