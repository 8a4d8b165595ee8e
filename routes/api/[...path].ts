/** Everything below /api/: the Hono app answers. */
import { define } from "../(_shared)/define.ts";

export const handler = define.handlers(({ req, state }) => state.api(req));
