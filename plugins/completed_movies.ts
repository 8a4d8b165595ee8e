import { count, definePlugin } from "twofold";
import { movieViewing } from "./movie_viewing.schema.ts";

export default definePlugin(movieViewing, {
  name: "completed_movies",
  summary: "How often each movie was watched to its end",
  where: ({ event_type }) => event_type.eq("complete"),
  key: ({ movie_id }) => ({ movie_id }),
  measures: () => ({ completed_count: count() }),
});
