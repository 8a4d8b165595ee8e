/** The users: finding one by number, and who is most active. */
import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import { TableOf } from "../(_components)/tables.tsx";
import { FaultNote } from "../(_parts)/Fault.tsx";
import { withoutOf } from "../(_parts)/link_with.ts";
import { define, outcomeOf } from "../(_shared)/define.ts";
import { keyPages, movieExample } from "../(_shared)/movie_example.ts";

const HOUR_MS = 3_600_000;

export const handler = define.handlers({
  async GET(ctx) {
    const { services, signal } = ctx.state;
    if (!movieExample(services).users) {
      throw new HttpError(404, "No user metrics are loaded.");
    }
    const id = ctx.url.searchParams.get("id") ?? "";
    if (/^\d{1,10}$/.test(id)) return ctx.redirect(`/users/${id}`);
    const hourAgo = new Date(Math.floor((Date.now() - HOUR_MS) / 60_000) * 60_000).toISOString();
    const ask = (question: Readonly<Record<string, string>>) =>
      outcomeOf(
        services.serving.query("user_stats", { ...question, limit: "25", keys: {} }, signal),
        signal,
      );
    const [top, lastHour] = await Promise.all([ask({}), ask({ layer: "speed", from: hourAgo })]);
    return page({ top, lastHour, wrong: id === "" ? null : id });
  },
});

export default define.page<typeof handler>(({ data, url, state }) => {
  const pages = keyPages(state.services);
  return (
    <>
      <Head>
        <title>Users · Twofold</title>
      </Head>
      <div class="heading">
        <h1>Users</h1>
        <form method="get" action={url.pathname} class="controls" role="search">
          <label>
            <span class="unseen">User ID</span>
            <input name="id" inputMode="numeric" placeholder="User ID" />
          </label>
          <button type="submit">Apply</button>
        </form>
        <FaultNote
          fault={data.wrong === null
            ? null
            : `id must be a whole number, got ${JSON.stringify(data.wrong.slice(0, 80))}`}
          without={withoutOf(url, "id")}
        />
      </div>
      <div class="metrics">
        <TableOf
          pages={pages}
          id="top"
          title="Most active"
          sort="-total_events"
          table={data.top}
          hint="Events of all time, merged"
          empty="No events yet."
        />
        <TableOf
          pages={pages}
          id="last-hour"
          title="Most active in the last hour"
          sort="-total_events"
          table={data.lastHour}
          hint="From the speed layer"
          empty="No users in the last hour."
        />
      </div>
    </>
  );
});
