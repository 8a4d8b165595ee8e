/** The search of the pages: pages, metrics, their columns and relations, entries of catalogs. */
import type { Services } from "../../runtime/ports/services.ts";
import { keyPages } from "./movie_example.ts";
import { placesOf } from "./places.ts";

/** The kinds of what can be found, in the order in which equal matches are listed. */
export const searchKinds = ["page", "metric", "measure", "relation", "entry"] as const;

/** Something that was found. */
export interface SearchItem {
  readonly kind: typeof searchKinds[number];
  readonly title: string;
  /** A line that tells it from others of the title. */
  readonly detail: string;
  /** The page that shows it, as a path. */
  readonly url: string;
}

/** What a search found. */
export interface SearchAnswer {
  readonly items: readonly SearchItem[];
  /** Whether there is more than `limit` allowed. */
  readonly more: boolean;
}

/** How many entries of each catalog are ranked: its first matches by key. */
const MOST_ENTRIES = 200;

/**
 * Finds everything that contains all words, in upper or lower case: the best matches first. Without
 * words it gives pages and metrics.
 *
 * @param limit the most items.
 */
export async function searchFor(
  services: Services,
  text: string,
  limit: number,
  signal: AbortSignal,
): Promise<SearchAnswer> {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const known = knownItems(services);
  if (words.length === 0) {
    const items = known.filter(({ kind }) => kind === "page" || kind === "metric");
    return { items: items.slice(0, limit), more: items.length > limit };
  }
  const entries = await entriesOf(services, words.join(" "), signal);
  const ranked = [...known, ...entries]
    .map((item) => ({ item, rank: rankOf(item, words) }))
    .filter(({ rank }) => rank < UNMATCHED)
    .sort((a, b) =>
      a.rank - b.rank ||
      searchKinds.indexOf(a.item.kind) - searchKinds.indexOf(b.item.kind)
    );
  return {
    items: ranked.slice(0, limit).map(({ item }) => item),
    more: ranked.length > limit,
  };
}

const UNMATCHED = 4;

/** How well an item matches: as its title, its title's beginning, a word of it, or anywhere. */
function rankOf({ title, detail }: SearchItem, words: readonly string[]): number {
  const [name, whole] = [title.toLowerCase(), `${title} ${detail}`.toLowerCase()];
  if (!words.every((word) => whole.includes(word))) return UNMATCHED;
  const text = words.join(" ");
  if (name === text) return 0;
  if (name.startsWith(text)) return 1;
  return words.every((word) => ` ${name.replaceAll("_", " ")}`.includes(` ${word}`)) ? 2 : 3;
}

/** Everything that is in memory. */
function knownItems(services: Services): SearchItem[] {
  const metrics = services.serving.metrics();
  return [
    ...placesOf(services).map(({ path, title }): SearchItem => ({
      kind: "page",
      title,
      detail: path,
      url: path,
    })),
    ...metrics.map(({ name, title, summary }): SearchItem => ({
      kind: "metric",
      title,
      detail: `${summary} · ${name}`,
      url: `/plugins/${name}`,
    })),
    ...metrics.flatMap(({ name, title, series_measures }) =>
      series_measures.map((measure): SearchItem => ({
        kind: "measure",
        title: measure,
        detail: `Measure of ${title}`,
        url: `/plugins/${name}?${new URLSearchParams({ measure, order: `-${measure}` })}`,
      }))
    ),
    ...[...services.plugins].flatMap(([name, { relations }]) =>
      Object.entries(relations).map(([layer, relation]): SearchItem => ({
        kind: "relation",
        title: relation,
        detail: `SQL relation of ${name}, ${layer}`,
        url: `/sql?${new URLSearchParams({ sql: `SELECT *\nFROM ${relation}\nLIMIT 20` })}`,
      }))
    ),
  ];
}

/** Matching entries of all catalogs whose keys a page shows. */
async function entriesOf(
  services: Services,
  search: string,
  signal: AbortSignal,
): Promise<SearchItem[]> {
  const pages = keyPages(services);
  const metrics = services.serving.metrics();
  const catalogs = await services.catalogs.list(signal);
  const found = await Promise.all(catalogs.map(async ({ name, columns: [key, ...others] }) => {
    const title = others.find(({ type }) => type === "string");
    const shownBy = metrics.find(({ keys }) => keys[0]?.name === key.name);
    if (title === undefined || (pages[key.name] === undefined && shownBy === undefined)) return [];
    const query = { search, limit: String(MOST_ENTRIES) };
    const { items } = await services.catalogs.get(name, query, signal);
    return items.map((item): SearchItem => {
      const id = String(item[key.name]);
      const details = others.filter((column) => column !== title).map((column) =>
        item[column.name]
      );
      return {
        kind: "entry",
        title: String(item[title.name]),
        detail: [...details.flat(), `${key.name} ${id}`].filter((part) => part != null).join(" · "),
        url: pages[key.name] === undefined
          ? `/plugins/${shownBy!.name}?${new URLSearchParams({ q: id })}`
          : pages[key.name] + encodeURIComponent(id),
      };
    });
  }));
  return found.flat();
}
