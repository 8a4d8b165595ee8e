/** The first page: traffic, data flow and the metrics' first rows. Complete without JavaScript. */
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
    <div class="heading">
      <h1>Overview</h1>
    </div>
    <Overview initial={data} pages={keyPages(state.services)} />
  </>
));
