import { defineRowFormat } from "twofold";
import { movieViewing } from "./movie_viewing.schema.ts";
import { ratingReader } from "./movielens_ratings.shared.ts";

/** `u.data` of MovieLens 100K. */
export default defineRowFormat(movieViewing, {
  name: "movielens-tab",
  summary: "ratings of MovieLens, user, movie, rating and seconds between tabs",
  matches: (line) => /^\d+\t\d+\t[\d.]+\t\d+$/.test(line),
  parse: ratingReader("\t"),
});
