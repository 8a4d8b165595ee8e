/** The movies: finding one, what is watched, what is liked. */
import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import { figure, label } from "../(_parts)/figures.ts";
import type { Row } from "../(_parts)/Rows.tsx";
import { Distribution } from "../(_parts)/Distribution.tsx";
import { TableOf } from "../(_components)/tables.tsx";
import { define, outcomeOf } from "../(_shared)/define.ts";
import { keyPages, movieExample } from "../(_shared)/movie_example.ts";
import { hoursOfDay, LEAST_RATINGS, moviesOf } from "../(_shared)/movie_view.ts";

export const handler = define.handlers({
  async GET({ url, state: { services, signal } }) {
    const { movies, events } = movieExample(services);
    if (!movies) throw new HttpError(404, "No movie metrics are loaded.");
    const search = (url.searchParams.get("q") ?? "").trim().slice(0, 200);
    const [data, hours] = await Promise.all([
      moviesOf(services, search, signal),
      events ? outcomeOf(hoursOfDay(services, signal), signal) : null,
    ]);
    return page({ ...data, search, hours });
  },
});

export default define.page<typeof handler>(({ data, url, state }) => {
  const { search, found, hours, names } = data;
  const pages = keyPages(state.services);
  return (
    <>
      <Head>
        <title>Movies · Twofold</title>
      </Head>
      <div class="heading">
        <h1>Movies</h1>
        <form method="get" action={url.pathname} class="controls" role="search">
          <label>
            <span class="unseen">Search titles</span>
            <input type="search" name="q" value={search} placeholder="Search titles" />
          </label>
          <button type="submit">Find</button>
        </form>
      </div>
      {data.totals?.answer != null && <Totals rows={data.totals.answer.rows} />}
      {found !== null && (
        <TableOf
          id="found"
          title="Found"
          hint={`Titles with “${search}”`}
          table={found}
          sort=""
          names={foundNames(found.answer?.rows ?? [])}
          pages={pages}
          empty="No matching title. Load titles with: deno task twofold catalog put."
        />
      )}
      <div class="metrics">
        <TableOf
          names={names}
          pages={pages}
          id="popular"
          title="Most popular"
          sort="-view_count"
          hint="Views of all time, merged"
          table={data.popular}
          empty="No views yet."
        />
        <TableOf
          names={names}
          pages={pages}
          id="last-hour"
          title="Views of the last hour"
          sort="-view_count"
          hint="From the speed layer"
          table={data.lastHour}
          empty="No views in the last hour."
        />
        <TableOf
          names={names}
          pages={pages}
          id="top-rated"
          title="Top rated"
          sort="-avg_rating"
          hint={`Average of all time, of movies with more than ${LEAST_RATINGS} ratings`}
          table={data.topRated}
          empty={`No movie has more than ${LEAST_RATINGS} ratings.`}
        />
        <TableOf
          names={names}
          pages={pages}
          id="recent"
          title="Recent ratings"
          sort="-window_start"
          hint="Newest windows of the speed layer"
          table={data.recent}
          empty="No ratings in the retained windows."
        />
      </div>
      {hours !== null && (
        <section aria-labelledby="hours">
          <h2 id="hours">By hour of day</h2>
          <p class="hint">Events by hour (UTC), up to the cut of the batch layer</p>
          {hours.fault !== null && <p class="note fault" role="status">{hours.fault}</p>}
          {hours.answer?.length === 0 && <p class="note">No batch run yet.</p>}
          {hours.answer !== null && hours.answer.length > 0 && (
            <Distribution
              title="Events by hour of the day"
              values={Array.from({ length: 24 }, (_, hour) => ({
                name: String(hour).padStart(2, "0"),
                value: hours.answer.find((each) => each.hour === hour)?.events ?? 0,
              }))}
            />
          )}
        </section>
      )}
    </>
  );
});

/** Found movies link by their titles. */
function foundNames(rows: readonly Readonly<Record<string, unknown>>[]) {
  return {
    movie_id: Object.fromEntries(rows.map((row) => [String(row.movie_id), String(row.title)])),
  };
}

/** Events of all time: all of them, and by type. */
function Totals({ rows }: { readonly rows: readonly Row[] }) {
  const counts = rows.map((row) => [String(row.event_type), Number(row.event_count)] as const);
  const all = counts.reduce((sum, [, count]) => sum + count, 0);
  return (
    <dl class="facts">
      {[["All events", all] as const, ...counts].map(([name, count]) => (
        <div key={name}>
          <dt>{label(name)}</dt>
          <dd>{figure(count)}</dd>
        </div>
      ))}
    </dl>
  );
}
