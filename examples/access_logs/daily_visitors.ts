import { approxUniq, count, definePlugin } from "twofold";
import { accessLog } from "./access_log.schema.ts";

export default definePlugin(accessLog, {
  name: "daily_visitors",
  summary: "Approximate visitors per day: client addresses, without bots",
  where: ({ agent }) => {
    const name = agent.coalesce("").lower();
    return name.before("bot").eq(name);
  },
  measures: ({ client }) => ({ visitors: approxUniq(client), views: count() }),
  derive: ({ views, visitors }) => ({ views_per_visitor: views.per(visitors) }),
  batch: { grain: "day" },
  present: { title: "Visitors" },
});
