/**
 * Another data set: a topic of its own with its schema, and one metric. Copied to `plugins/`, it
 * runs beside the movies; events are then sent with `?topic=page-visits`.
 */
import {
  avg,
  boolean,
  count,
  decimal,
  definePlugin,
  defineSchema,
  instant,
  string,
  tumbling,
  uint32,
  uniq,
  when,
} from "twofold";

/** One visit of one page of a web site. */
export const pageVisits = defineSchema({
  topic: "page-visits",
  version: 1,
  summary: "Visits of the pages of a web site",
  eventId: "id",
  eventTime: "at",
  partitionKey: "visitor",
  fields: {
    id: string({ summary: "The visit; a retry repeats it" }),
    at: instant({ summary: "When the page was opened" }),
    visitor: uint32({ summary: "Who" }),
    page: string({ summary: "The page's path", maxBytes: 512 }),
    mobile: boolean({ summary: "Whether it was a telephone" }),
    seconds: decimal({
      summary: "How long; null while it is open",
      ...{ scale: 1, min: 0, max: 100_000, nullable: true },
    }),
  },
});

export default definePlugin(pageVisits, {
  name: "page_visits",
  summary: "Visits, visitors and the mean time per page",
  key: ({ page, mobile }) => ({ page, device: when(mobile, "mobile").otherwise("desktop") }),
  measures: ({ visitor, seconds }) => ({
    visits: count(),
    visitors: uniq(visitor),
    seconds: avg(seconds),
  }),
  derive: ({ visits, visitors }) => ({ visits_per_visitor: visits.per(visitors) }),
  stream: { window: tumbling("1m") },
  batch: { grain: "day" },
  present: { title: "Pages" },
});
