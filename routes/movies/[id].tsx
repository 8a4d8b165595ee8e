/** One movie: what the catalog says, what the metrics count. */
import { HttpError, page } from "fresh";
import { Head } from "fresh/runtime";
import { KeyParts } from "../(_components)/key_parts.tsx";
import { Distribution } from "../(_parts)/Distribution.tsx";
import { define, outcomeOf } from "../(_shared)/define.ts";
import { movieExample } from "../(_shared)/movie_example.ts";
import { keyPartsOf, starsOf } from "../(_shared)/movie_view.ts";

export const handler = define.handlers({
  async GET({ params: { id }, state: { services, signal } }) {
    const known = /^\d{1,10}$/.test(id) && Number(id) < 2 ** 32;
    if (!movieExample(services).movies || !known) {
      throw new HttpError(404, `Not a movie id: ${id.slice(0, 80)}.`);
    }
    const keys = { movie_id: String(Number(id)) };
    const [parts, stars, entry] = await Promise.all([
      keyPartsOf(services, keys, signal),
      outcomeOf(starsOf(services, keys, signal), signal),
      services.catalogs.get("movies", { keys: keys.movie_id }, signal)
        .then(({ items }) => items[0] ?? null, () => null),
    ]);
    return page({ keys, parts, stars, entry });
  },
});

export default define.page<typeof handler>(({ data: { keys, parts, stars, entry } }) => {
  const title = entry === null ? `Movie ${keys.movie_id}` : String(entry.title);
  const genres = Array.isArray(entry?.genres) ? entry.genres.join(", ") : "";
  return (
    <>
      <Head>
        <title>{title} · Twofold</title>
      </Head>
      <div class="heading">
        <p>
          <a href="/movies">Movies</a>
        </p>
        <h1>{title}</h1>
        <p>
          {entry === null
            ? "Not in the catalog."
            : [entry.year, genres, `movie ${keys.movie_id}`].filter(Boolean).join(" · ")}
        </p>
      </div>
      <KeyParts parts={parts} keys={keys} />
      {(stars.fault !== null || stars.answer !== null) && (
        <section aria-labelledby="stars">
          <h2 id="stars">Ratings by whole stars</h2>
          {stars.fault !== null && <p class="note fault" role="status">{stars.fault}</p>}
          {stars.answer?.length === 0 && <p class="note">No ratings yet.</p>}
          {stars.answer !== null && stars.answer.length > 0 && (
            <Distribution title="Ratings by whole stars" values={stars.answer} />
          )}
        </section>
      )}
    </>
  );
});
