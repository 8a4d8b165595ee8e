import { count, definePlugin } from "twofold";
import { movieViewing } from "./movie_viewing.schema.ts";

export default definePlugin(movieViewing, {
  name: "rating_stars",
  summary: "Ratings per movie and whole stars; 7.99 counts as 7 stars",
  where: ({ rating }) => rating.isNotNull(),
  key: ({ movie_id, rating }) => ({ movie_id, stars: rating.floor() }),
  measures: () => ({ star_count: count() }),
  present: { title: "Stars", by: "stars" },
});
