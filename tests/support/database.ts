/** The database that `main.ts` names, for processes and engines over the same folder. */
export const database = "movie_analytics";
