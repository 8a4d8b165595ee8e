/** The plugin of `bench/plugins.ts` whose key is a function. */
import { boolean, compute, count, definePlugin, type EventOf } from "twofold";
import { movieViewing } from "../plugins/movie_viewing.schema.ts";

export default definePlugin(movieViewing, {
  name: "long_views_by_function",
  summary: "",
  key: () => ({
    long: compute(
      boolean(),
      ({ duration }: EventOf<typeof movieViewing>) => (duration ?? 0) >= 1800,
      {
        sql: "ifNull(duration, 0) >= 1800",
      },
    ),
  }),
  measures: () => ({ views: count() }),
});
