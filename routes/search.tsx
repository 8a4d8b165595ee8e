/** The search as a page: its dialog in the header needs a script, this does not. */
import { page } from "fresh";
import { Head } from "fresh/runtime";
import type { Services } from "../runtime/ports/services.ts";
import { UserError } from "../runtime/std/errors.ts";
import { FaultNote } from "./(_parts)/Fault.tsx";
import { withoutOf } from "./(_parts)/link_with.ts";
import { kindLabels } from "./(_parts)/search_text.ts";
import { define, outcomeOf } from "./(_shared)/define.ts";
import { searchFor } from "./(_shared)/search.ts";

const MOST_ITEMS = 50;
const MOST_CHARACTERS = 500;

export const handler = define.handlers({
  async GET({ url, state: { services, signal } }) {
    const words = url.searchParams.get("q") ?? "";
    const found = await outcomeOf(searchedFor(services, words, signal), signal);
    return page({ words, found });
  },
});

/** @throws {UserError} where the text is too long for a search. */
async function searchedFor(services: Services, words: string, signal: AbortSignal) {
  if (words.length <= MOST_CHARACTERS) {
    return await searchFor(services, words, MOST_ITEMS, signal);
  }
  throw new UserError(
    `Cannot search: q must have at most ${MOST_CHARACTERS} characters, got ${words.length}`,
    { field: "q" },
  );
}

export default define.page<typeof handler>(({ data: { words, found }, url }) => (
  <>
    <Head>
      <title>Search · Twofold</title>
    </Head>
    <div class="heading">
      <h1>Search</h1>
      <form method="get" action={url.pathname} class="controls" role="search">
        <label>
          <span class="unseen">Search</span>
          <input
            type="search"
            name="q"
            value={words}
            placeholder="Pages, metrics, relations, titles"
          />
        </label>
        <button type="submit">Search</button>
      </form>
    </div>
    <FaultNote fault={found.fault} without={withoutOf(url, found.parameter)} />
    {found.answer?.items.length === 0 && <p class="note">Nothing matches all of these words.</p>}
    {found.answer !== null && found.answer.items.length > 0 && (
      <ul class="found" aria-label="Results">
        {found.answer.items.map(({ kind, title, detail, url }) => (
          <li key={url}>
            <a href={url}>
              <b>{title}</b>
              <span>{detail}</span>
              <i>{kindLabels[kind]}</i>
            </a>
          </li>
        ))}
      </ul>
    )}
    {found.answer?.more && (
      <p class="note">The first {MOST_ITEMS} results; more words narrow them down.</p>
    )}
  </>
));
