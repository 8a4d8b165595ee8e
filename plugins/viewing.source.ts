import { defineSource } from "twofold";
import { movieViewing } from "./movie_viewing.schema.ts";
import { simulate } from "./viewing/simulator.ts";

/** People who watch movies: what a new installation shows. */
export default defineSource(movieViewing, {
  name: "viewing",
  summary: "Sessions from view to rating, with late and repeated events",
  events: simulate,
});
