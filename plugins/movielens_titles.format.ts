import { defineCatalogFormat, RowFault } from "twofold";
import { genresOf, titleRow } from "./movielens_titles.shared.ts";
import movies from "./movies.catalog.ts";

const ROW = /^(\d{1,10})::(.*)::([^:]*)$/;

/** `movies.dat` of MovieLens and MovieTweetings. */
export default defineCatalogFormat(movies, {
  name: "movielens-titles",
  summary: "titles of MovieLens, movie::title (year)::genre|genre",
  matches: (line) => ROW.test(line),
  parse(line) {
    const [, id, title, genres] = ROW.exec(line) ?? [];
    if (id === undefined) return new RowFault("", "movie::title (year)::genre|genre");
    return titleRow(id, title, genresOf(genres));
  },
});
