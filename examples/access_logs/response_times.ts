import { count, definePlugin, quantiles } from "twofold";
import { accessLog } from "./access_log.schema.ts";

export default definePlugin(accessLog, {
  name: "response_times",
  summary: "Response times per method, for requests that have one",
  where: ({ seconds }) => seconds.isNotNull(),
  key: ({ method }) => ({ method }),
  measures: ({ seconds }) => ({ timed: count(), seconds: quantiles(seconds, [0.5, 0.95]) }),
  present: { title: "Response times", chart: "line", sort: "-seconds_p95" },
});
