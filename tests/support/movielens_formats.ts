import titles from "../../plugins/movielens_titles.format.ts";
import titlesCsv from "../../plugins/movielens_titles_csv.format.ts";
import titlesItems from "../../plugins/movielens_titles_item.format.ts";
import movielens from "../../plugins/movielens.format.ts";
import movielensCsv from "../../plugins/movielens_csv.format.ts";
import movielensTab from "../../plugins/movielens_tab.format.ts";

/** The row formats of the movie example: the three shapes of MovieLens' ratings. */
export const ratingFormats = [movielens, movielensCsv, movielensTab];

/** Its formats of titles. */
export const titleFormats = [titles, titlesCsv, titlesItems];
