/** Titles of movies as MovieLens has them, as rows of the catalog of movies. */
import { UserError } from "../std/errors.ts";
import { Cells } from "./csv_rows.ts";
import { constant } from "./event_writer.ts";

/** How a file of titles is written; `own`: in the catalog's own columns. */
export type TitleFormat = "movies.dat" | "movies.csv" | "u.item" | "own-ndjson" | "own-csv";

const HEADER = "movieId,title,genres";
const NO_GENRES = "(no genres listed)";

/** The genres of `u.item`, in the order of its columns; the first stands for none. */
// deno-fmt-ignore
const ITEM_GENRES = [
  "", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama",
  "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War",
  "Western",
];
/** Columns of `u.item` before its genres: id, title, two dates, address. */
const ITEM_COLUMNS = 5;

interface Title {
  readonly id: string;
  readonly title: string;
  readonly genres: readonly string[];
}

/** What a file of titles looks like, by its first line; null where it is none. */
export function recogniseTitles(text: string): TitleFormat | null {
  const [line] = text.replace(/^\ufeff?\s*/, "").split(/\r?\n/, 1);
  if (line.startsWith("{")) return "own-ndjson";
  if (/^\d+::.*::[^:]*$/.test(line)) return "movies.dat";
  if (/^\d+(\|[^|]*){23}$/.test(line)) return "u.item";
  if (line === HEADER) return "movies.csv";
  return line.includes(",") ? "own-csv" : null;
}

/** Text as it was written: UTF-8, or else Latin-1, as the older files are. */
export function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("latin1").decode(bytes);
  }
}

/**
 * Titles as NDJSON of `movie_id`, `title`, `year` and `genres`.
 *
 * @throws {UserError} naming the line that is no title.
 * @example
 * ```ts
 * import { titleRows } from "./movie_titles.ts";
 * const rows = titleRows("0000008::Scene (1894)::Documentary|Short\n", "movies.dat");
 * const wanted = '{"movie_id":8,"title":"Scene","year":1894,"genres":["Documentary","Short"]}\n';
 * if (rows !== wanted) throw new Error(rows);
 * ```
 */
export function titleRows(text: string, format: "movies.dat" | "movies.csv" | "u.item"): string {
  const rows: string[] = [];
  text.replace(/^\ufeff/, "").split(/\r?\n/).forEach((line, index) => {
    if (line.trim() === "" || (format === "movies.csv" && line === HEADER)) return;
    const title = READERS[format](line);
    if (title === null || !/^\d{1,10}$/.test(title.id)) {
      const got = JSON.stringify(line.slice(0, 60));
      throw new UserError(
        `Cannot read titles: line ${index + 1} must be of ${format}, got ${got}`,
        { field: "catalog" },
      );
    }
    rows.push(JSON.stringify(rowOf(title)) + "\n");
  });
  return rows.join("");
}

function rowOf({ id, title, genres }: Title) {
  const [, name, year] = /^(.*?)\s*\((\d{4})\)\s*$/.exec(title) ?? [null, title.trim(), null];
  return { movie_id: Number(id), title: name, year: year === null ? null : Number(year), genres };
}

const READERS: Readonly<
  Record<"movies.dat" | "movies.csv" | "u.item", (line: string) => Title | null>
> = {
  "movies.dat"(line) {
    const [, id, title, genres] = /^(\d+)::(.*)::([^:]*)$/.exec(line) ?? [];
    return id === undefined ? null : { id, title, genres: genresOf(genres) };
  },
  "movies.csv"(line) {
    const bytes = constant(line);
    const cells = new Cells();
    if (cells.split(bytes, 0, bytes.length) !== null || cells.count !== 3) return null;
    const [id, title, genres] = [0, 1, 2].map((cell) => cells.text(bytes, cell));
    return { id, title, genres: genresOf(genres) };
  },
  "u.item"(line) {
    const [id, title, ...rest] = line.split("|");
    const flags = rest.slice(ITEM_COLUMNS - 2);
    if (flags.length !== ITEM_GENRES.length) return null;
    return { id, title, genres: ITEM_GENRES.filter((name, i) => name !== "" && flags[i] === "1") };
  },
};

function genresOf(text: string): string[] {
  return text === NO_GENRES ? [] : text.split("|").map((genre) => genre.trim()).filter(Boolean);
}
