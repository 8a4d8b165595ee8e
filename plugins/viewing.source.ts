import { defineSource } from "twofold";
import { movieViewing } from "./movie_viewing.schema.ts";
import { simulate } from "./viewing/simulator.ts";

/** By day and night, so many make 500,000 events in two weeks. */
const USERS_BY_DAY = 5_000;

/** People who watch movies: what a new installation shows. */
export default defineSource(movieViewing, {
  name: "viewing",
  summary: "Sessions from view to rating, with late and repeated events",
  events: ({ rate, startMs }) =>
    simulate({ rate, startMs, ...rate === null ? { users: USERS_BY_DAY } : {} }),
});
