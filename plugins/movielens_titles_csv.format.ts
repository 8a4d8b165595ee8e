import { defineCatalogFormat, RowFault } from "twofold";
import { genresOf, titleRow } from "./movielens_titles.shared.ts";
import movies from "./movies.catalog.ts";

const HEADER = "movieId,title,genres";
/** Titles may be quoted, because of their commas. */
const ROW = /^(\d{1,10}),(?:"((?:[^"]|"")*)"|([^",]*)),([^",]*)$/;

/** `movies.csv` of MovieLens. */
export default defineCatalogFormat(movies, {
  name: "movielens-titles-csv",
  summary: `titles of MovieLens, CSV with the header ${HEADER}`,
  matches: (line) => line === HEADER,
  header: (line) => line === HEADER,
  parse(line) {
    const [, id, quoted, bare, genres] = ROW.exec(line) ?? [];
    if (id === undefined) return new RowFault("", `CSV of ${HEADER}`);
    return titleRow(id, quoted?.replaceAll('""', '"') ?? bare, genresOf(genres));
  },
});
