/** What the three shapes of MovieLens' titles have in common. */

/** A row of the catalog of movies. The title may end with the year, as in `Heat (1995)`. */
export function titleRow(id: string, title: string, genres: readonly string[]) {
  const [, name, year] = /^(.*?)\s*\((\d{4})\)\s*$/.exec(title) ?? [null, title.trim(), null];
  return { movie_id: Number(id), title: name, year: year === null ? null : Number(year), genres };
}

/** Genres, separated by `|`; some files write `(no genres listed)`. */
export function genresOf(text: string): string[] {
  if (text === "(no genres listed)") return [];
  return text.split("|").map((genre) => genre.trim()).filter(Boolean);
}
