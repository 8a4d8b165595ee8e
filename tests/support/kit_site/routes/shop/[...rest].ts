import { createDefine } from "fresh";

export const handler = createDefine<unknown>().handlers((ctx) =>
  Response.json({ rest: ctx.params.rest, route: ctx.route })
);
