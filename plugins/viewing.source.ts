import { defineSource } from "twofold";
import { movieViewing } from "./movie_viewing.schema.ts";
import movies from "./movies.catalog.ts";
import { simulate } from "./viewing/simulator.ts";
import { madeUpMovies } from "./viewing/titles.ts";

const MOVIES = 5_000;

/** People who watch movies: what a new installation shows. */
export default defineSource(movieViewing, {
  name: "viewing",
  summary: "Sessions from view to rating, with late and repeated events",
  events: ({ rate, startMs }) => simulate({ rate, startMs, movies: MOVIES }),
  catalog: { of: movies, rows: () => madeUpMovies(MOVIES) },
});
