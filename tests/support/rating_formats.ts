import movielens from "../../plugins/movielens.format.ts";
import movielensCsv from "../../plugins/movielens_csv.format.ts";
import movielensTab from "../../plugins/movielens_tab.format.ts";

/** The row formats of the movie example: the three shapes of MovieLens' ratings. */
export const ratingFormats = [movielens, movielensCsv, movielensTab];
