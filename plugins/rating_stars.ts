import { count, definePlugin, tumbling, uint32 } from "twofold";
import { movieViewing } from "./movie_viewing.schema.ts";

export default definePlugin({
  name: "rating_stars",
  version: 1,
  summary: "Ratings per movie and whole stars (7.99 counts as 7)",
  source: movieViewing,
  where: (event) => event.rating !== null,
  key: {
    movie_id: "movie_id",
    stars: { type: uint32(), of: (event) => Math.floor(event.rating!) },
  },
  measures: { star_count: count() },
  stream: { window: tumbling("10s"), relation: { name: "stream_rating_stars" } },
  batch: {
    sql: "batch/rating_stars.sql",
    grain: "hour",
    relation: { name: "batch_rating_stars" },
  },
  present: { title: "Stars", chart: "bar", by: "stars", sort: "-star_count" },
});
