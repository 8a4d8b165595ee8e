import { describe, expect, it } from "testing";
import { recogniseTitles, textOf, titleRows } from "../../runtime/sources/movie_titles.ts";

const titlesFile = new URL("../../../shared/data/movietweetings/movies.dat", import.meta.url);
const rowsOf = (...args: Parameters<typeof titleRows>) =>
  titleRows(...args).trimEnd().split("\n").map((line) => JSON.parse(line));

const flags = (...on: number[]) => Array.from({ length: 19 }, (_, i) => on.includes(i) ? 1 : 0);

describe("titleRows()", () => {
  it("reads titles, years and genres in each of MovieLens' shapes", () => {
    const heat = { movie_id: 6, title: "Heat", year: 1995, genres: ["Action", "Crime"] };
    const date = "01-Jan-1995||http://x/";
    const cases = [
      ["movies.dat", "0000006::Heat (1995)::Action|Crime\r\n", [heat]],
      ["movies.csv", "movieId,title,genres\r\n6,Heat (1995),Action|Crime\r\n", [heat]],
      ["u.item", `6|Heat (1995)|${date}|${flags(1, 6).join("|")}\n`, [heat]],
    ] as const;
    for (const [format, text, rows] of cases) {
      expect(recogniseTitles(text)).toBe(format);
      expect(rowsOf(text, format)).toEqual(rows);
    }
  });

  it("keeps titles as they are: with commas, quotes, colons, no year, no genres", () => {
    const csv = 'movieId,title,genres\n1,"American President, The (1995)",(no genres listed)\n' +
      '2,"""Great"" (x) (2007)",Drama\n3,Untitled,Drama\n';
    expect(rowsOf(csv, "movies.csv")).toEqual([
      { movie_id: 1, title: "American President, The", year: 1995, genres: [] },
      { movie_id: 2, title: '"Great" (x)', year: 2007, genres: ["Drama"] },
      { movie_id: 3, title: "Untitled", year: null, genres: ["Drama"] },
    ]);
    expect(rowsOf("4::Star Wars:: A (1977)::\n", "movies.dat")).toEqual([
      { movie_id: 4, title: "Star Wars:: A", year: 1977, genres: [] },
    ]);
    const unknown = `267|unknown||||${flags(0).join("|")}`;
    expect(rowsOf(unknown, "u.item")).toEqual([
      { movie_id: 267, title: "unknown", year: null, genres: [] },
    ]);
  });

  it("names the line that is no title", () => {
    expect(() => titleRows("1::A (1990)::X\n\n1;B\n", "movies.dat"))
      .toThrow('Cannot read titles: line 3 must be of movies.dat, got "1;B"');
    expect(() => titleRows('1,"A,X\n', "movies.csv")).toThrow("line 1 must be of movies.csv");
  });

  it("knows the catalog's own columns, and what is no file of titles", () => {
    expect(recogniseTitles('{"movie_id":1}')).toBe("own-ndjson");
    expect(recogniseTitles("movie_id,title,year,genres\n")).toBe("own-csv");
    expect(recogniseTitles("hello\n")).toBe(null);
  });

  it("reads Latin-1 where it is no UTF-8", () => {
    expect(textOf(new Uint8Array([0x41, 0xe9]))).toBe("Aé");
    expect(textOf(new TextEncoder().encode("Aé"))).toBe("Aé");
  });

  it("reads the titles of MovieTweetings", async () => {
    const rows = rowsOf(textOf(await Deno.readFile(titlesFile)), "movies.dat");
    expect(rows).toHaveLength(10_506);
    expect(rows.find(({ movie_id }) => movie_id === 770828)).toEqual({
      ...{ movie_id: 770828, title: "Man of Steel", year: 2013 },
      genres: ["Action", "Adventure", "Fantasy", "Sci-Fi"],
    });
    expect(rows.filter(({ year }) => year === null)).toEqual([]);
  });
});
