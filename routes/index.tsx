/** The first page: what flows where, and the metrics' first rows. Whole without JavaScript. */
import { page } from "fresh";
import { Head } from "fresh/runtime";
import Overview from "../islands/Overview.tsx";
import { define } from "./(_shared)/define.ts";
import { keyPages } from "./(_shared)/movie_example.ts";
import { overviewOf } from "./(_shared)/overview.ts";

export const handler = define.handlers({
  GET: async ({ state }) => page(await overviewOf(state.services, state.signal)),
});

export default define.page<typeof handler>(({ data, state }) => (
  <>
    <Head>
      <title>Overview · Twofold</title>
    </Head>
    <div class="lead">
      <h1>Overview</h1>
      <p>
        Each metric is computed by the speed layer from the log and by the batch layer from the
        archive. Answers merge both.
      </p>
    </div>
    <Overview initial={data} pages={keyPages(state.services)} />
  </>
));
