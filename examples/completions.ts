/** Completed views per movie: copy this file to `plugins/`. */
import { count, definePlugin, max } from "twofold";
import { movieViewing } from "../plugins/movie_viewing.schema.ts";

export default definePlugin(movieViewing, {
  name: "completions",
  summary: "How often each movie was watched to its end, and the longest time that took",
  where: ({ event_type }) => event_type.eq("complete"),
  key: ({ movie_id }) => ({ movie_id }),
  measures: ({ duration }) => ({ completion_count: count(), longest_seconds: max(duration) }),
});
