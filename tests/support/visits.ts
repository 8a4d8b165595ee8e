import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import { definePlugin } from "../../runtime/define_plugin.ts";
import { count, sessions } from "../../runtime/plugin.ts";

/** Sessions of users, by gaps that are longer and shorter than the grain. */
export const visits = definePlugin(movieViewing, {
  name: "visits",
  summary: "Sessions of users",
  key: ({ user_id }) => ({ user_id }),
  measures: ({ event_type }) => ({
    visits: sessions({ gap: "30m" }),
    viewings: sessions({ gap: "10m", where: event_type.eq("view") }),
    event_count: count(),
  }),
  derive: ({ event_count, visits }) => ({ events_per_visit: event_count.per(visits) }),
  batch: { grain: "15minute" },
});
