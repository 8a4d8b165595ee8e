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

export default definePlugin({
  name: "page_visits",
  version: 1,
  summary: "Visits, visitors and the mean time per page",
  source: pageVisits,
  key: {
    page: "page",
    // A computed key: whatever a pure function makes of the event.
    device: { type: string(), of: (visit) => visit.mobile ? "mobile" : "desktop" },
  },
  measures: { visits: count(), visitors: uniq("visitor"), seconds: avg("seconds") },
  derive: { visits_per_visitor: "visits / visitors" },
  stream: { window: tumbling("1m"), relation: { name: "stream_page_visits" } },
  batch: {
    sql: `
      SELECT toStartOfDay(event_time) AS bucket, page, if(mobile, 'mobile', 'desktop') AS device,
             count() AS visits, groupUniqArray(visitor) AS visitors,
             sum(seconds) AS seconds_sum, count(seconds) AS seconds_count
      FROM events
      GROUP BY bucket, page, device`,
    grain: "day",
    relation: { name: "batch_page_visits" },
  },
  present: { title: "Pages", chart: "bar", by: "page", sort: "-visits" },
});
