import { defineCatalogFormat, RowFault } from "twofold";
import { titleRow } from "./movielens_titles.shared.ts";
import movies from "./movies.catalog.ts";

/** In the order of the columns; the first stands for none. */
// deno-fmt-ignore
const GENRES = [
  "", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama",
  "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War",
  "Western",
];
/** Movie, title, two dates and an address; then a column for each genre. */
const ROW = /^(\d{1,10})\|([^|]*)\|[^|]*\|[^|]*\|[^|]*((?:\|[01]){19})$/;

/** `u.item` of MovieLens 100K. */
export default defineCatalogFormat(movies, {
  name: "movielens-titles-item",
  summary: "titles of MovieLens 100K, movie|title (year)|… and 19 columns of genres",
  matches: (line) => ROW.test(line),
  parse(line) {
    const [, id, title, flags] = ROW.exec(line) ?? [];
    if (id === undefined) return new RowFault("", "24 columns between |");
    const on = flags.slice(1).split("|");
    return titleRow(id, title, GENRES.filter((name, i) => name !== "" && on[i] === "1"));
  },
});
