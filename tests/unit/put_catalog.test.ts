import { describe, expect, it } from "testing";
import { runCommandLine } from "../../runtime/commands/cli.ts";
import { defineCatalogFormat, RowFault } from "../../runtime/row_format.ts";
import { fakeWorld } from "../support/fake_world.ts";
import { titleFormats } from "../support/movielens_formats.ts";

const titlesFile = new URL("../../../shared/data/movietweetings/movies.dat", import.meta.url);

/** What reaches the catalog of a file from standard input. */
async function put(body: string | Uint8Array<ArrayBuffer>, ...args: string[]) {
  const world = fakeWorld({ input: () => new Blob([body]).stream() });
  const code = await runCommandLine(["catalog", "put", "movies", "-", ...args], world);
  const { text = "", format, catalog } = world.engine.asked.put ?? {};
  const rows = () => text.trimEnd().split("\n").map((line) => JSON.parse(line));
  return { code, err: world.err.text(), format, catalog, text, rows };
}

const flags = (...on: number[]) => Array.from({ length: 19 }, (_, i) => on.includes(i) ? 1 : 0);

describe("catalog put", () => {
  it("recognises each of MovieLens' shapes, and reads titles, years and genres", async () => {
    const heat = { movie_id: 6, title: "Heat", year: 1995, genres: ["Action", "Crime"] };
    const cases = [
      ["movielens-titles", "0000006::Heat (1995)::Action|Crime\r\n"],
      ["movielens-titles-csv", "movieId,title,genres\r\n6,Heat (1995),Action|Crime\r\n"],
      ["movielens-titles-item", `6|Heat (1995)|01-Jan-1995||http://x/|${flags(1, 6).join("|")}\n`],
    ] as const;
    for (const [format, text] of cases) {
      for (const args of [[], ["--format", format]]) {
        const { code, catalog, rows, format: sent } = await put(text, ...args);
        expect([code, catalog, sent, rows()]).toEqual([0, "movies", "ndjson", [heat]]);
      }
    }
  });

  it("keeps titles as they are: with commas, quotes, colons, no year, no genres", async () => {
    const csv = 'movieId,title,genres\n1,"American President, The (1995)",(no genres listed)\n' +
      '2,"""Great"" (x) (2007)",Drama\n3,Untitled,Drama\n';
    expect((await put(csv)).rows()).toEqual([
      { movie_id: 1, title: "American President, The", year: 1995, genres: [] },
      { movie_id: 2, title: '"Great" (x)', year: 2007, genres: ["Drama"] },
      { movie_id: 3, title: "Untitled", year: null, genres: ["Drama"] },
    ]);
    expect((await put("4::Star Wars:: A (1977)::\n")).rows()).toEqual([
      { movie_id: 4, title: "Star Wars:: A", year: 1977, genres: [] },
    ]);
    expect((await put(`267|unknown||||${flags(0).join("|")}`)).rows()).toEqual([
      { movie_id: 267, title: "unknown", year: null, genres: [] },
    ]);
  });

  it("names the line that the format does not read, and puts nothing", async () => {
    const broken = await put("1::A (1990)::X\n\n1;B\n");
    expect([broken.code, broken.text]).toEqual([2, ""]);
    expect(broken.err).toContain(
      'Cannot read "standard input" as movielens-titles: line 3: expected movie::title ' +
        '(year)::genre|genre, got "1;B"',
    );
    const quoted = await put('1,"A,X\n', "--format", "movielens-titles-csv");
    expect(quoted.err).toContain("line 1: expected CSV of movieId,title,genres");
  });

  it("passes NDJSON, an array and CSV of the catalog's own columns as they are", async () => {
    const bodies = [
      ["ndjson", '{"movie_id":1}\n'],
      ["json-array", '[{"movie_id":1}]'],
      ["csv", "movie_id,title\n1,A\n"],
    ] as const;
    for (const [format, text] of bodies) {
      expect(await put(text)).toMatchObject({ code: 0, format, text });
      expect(await put(text, "--format", format)).toMatchObject({ code: 0, format, text });
    }
    expect(await put("hello\n")).toMatchObject({
      code: 2,
      err: expect.stringContaining("does not tell its format, give --format ndjson, json-array"),
    });
    expect((await put("{}\n", "--format", "xml")).err).toContain("--format must be ndjson, ");
  });

  it("reads Latin-1 where it is no UTF-8", async () => {
    const latin = new Uint8Array(Array.from("1::Léon (1994)::", (char) => char.charCodeAt(0)));
    expect((await put(latin)).rows()[0].title).toBe("Léon");
    expect((await put("1::Léon (1994)::")).rows()[0].title).toBe("Léon");
  });

  it("reads the titles of MovieTweetings", async () => {
    const rows = (await put(await Deno.readFile(titlesFile))).rows();
    expect(rows).toHaveLength(10_506);
    expect(rows.find(({ movie_id }) => movie_id === 770828)).toEqual({
      movie_id: 770828,
      title: "Man of Steel",
      year: 2013,
      genres: ["Action", "Adventure", "Fantasy", "Sci-Fi"],
    });
    expect(rows.filter(({ year }) => year === null)).toEqual([]);
  });
});

describe("defineCatalogFormat()", () => {
  it("reports all faults of a declaration at once", () => {
    const [{ catalog }] = titleFormats;
    const given = { name: "ndjson", summary: "s", parse: null as never };
    expect(() => defineCatalogFormat({} as typeof catalog, given)).toThrow(
      'Cannot define row format "ndjson": \n' +
        "- its first argument must be a catalog of defineCatalog(), got {}\n" +
        '- name "ndjson" is a format of every installation; choose another one\n' +
        "- parse must be a function of a line, got null",
    );
    const parse = () => new RowFault("", "nothing");
    expect(defineCatalogFormat(catalog, { ...given, name: "n", parse }).catalog).toBe(catalog);
  });
});
