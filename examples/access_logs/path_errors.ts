import { count, definePlugin } from "twofold";
import { accessLog } from "./access_log.schema.ts";

export default definePlugin(accessLog, {
  name: "path_errors",
  summary: "Requests per path, and the share that the server failed to answer",
  key: ({ path }) => ({ path }),
  measures: ({ status }) => ({ requests: count(), errors: count({ where: status.gte(500) }) }),
  derive: ({ errors, requests }) => ({ error_share: errors.per(requests).unit("share") }),
  present: { title: "Errors by path", sort: "-errors" },
});
