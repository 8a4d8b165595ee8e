/** One user's activity. */
import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import { KeyParts } from "../(_components)/key_parts.tsx";
import { define } from "../(_shared)/define.ts";
import { movieExample } from "../(_shared)/movie_example.ts";
import { keyPartsOf } from "../(_shared)/movie_view.ts";

export const handler = define.handlers({
  async GET({ params: { id }, state: { services, signal } }) {
    const known = /^\d{1,10}$/.test(id) && Number(id) < 2 ** 32;
    if (!movieExample(services).users || !known) {
      throw new HttpError(404, `There is no user ${id.slice(0, 80)}.`);
    }
    const keys = { user_id: String(Number(id)) };
    return page({ keys, parts: await keyPartsOf(services, keys, signal) });
  },
});

export default define.page<typeof handler>(({ data: { keys, parts } }) => (
  <>
    <Head>
      <title>User {keys.user_id} · Twofold</title>
    </Head>
    <div class="heading">
      <p>
        <a href="/users">Users</a>
      </p>
      <h1>User {keys.user_id}</h1>
    </div>
    <KeyParts parts={parts} keys={keys} />
  </>
));
