import { count, definePlugin, sessions } from "twofold";
import { accessLog } from "./access_log.schema.ts";

export default definePlugin(accessLog, {
  name: "visits",
  summary: "Visits per client: requests that are at most 30 minutes apart",
  key: ({ client }) => ({ client }),
  measures: () => ({ visits: sessions({ gap: "30m" }), requests: count() }),
});
