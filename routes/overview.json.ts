/** The first page's figures, which it asks for every second. */
import { define } from "./(_shared)/define.ts";
import { overviewOf } from "./(_shared)/overview.ts";

export const handler = define.handlers({
  GET: async ({ state }) =>
    Response.json(await overviewOf(state.services, state.signal), {
      headers: { "cache-control": "no-store", "x-content-type-options": "nosniff" },
    }),
});
