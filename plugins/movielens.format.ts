import { defineRowFormat } from "twofold";
import { movieViewing } from "./movie_viewing.schema.ts";
import { ratingReader } from "./movielens_ratings.shared.ts";

/** `ratings.dat` of MovieLens and MovieTweetings. */
export default defineRowFormat(movieViewing, {
  name: "movielens",
  summary: "ratings of MovieLens, user::movie::rating::seconds",
  matches: (line) => line.split("::").length === 4,
  parse: ratingReader("::"),
});
