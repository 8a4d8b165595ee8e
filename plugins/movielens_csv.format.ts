import { defineRowFormat } from "twofold";
import { movieViewing } from "./movie_viewing.schema.ts";
import { ratingReader } from "./movielens_ratings.shared.ts";

const isHeader = (line: string) => line.toLowerCase() === "userid,movieid,rating,timestamp";

/** `ratings.csv` of MovieLens, with or without its header. */
export default defineRowFormat(movieViewing, {
  name: "movielens-csv",
  summary: "ratings of MovieLens, user,movie,rating,seconds",
  matches: (line) => isHeader(line) || /^\d+,\d+,[\d.]+,\d+$/.test(line),
  header: isHeader,
  parse: ratingReader(","),
});
