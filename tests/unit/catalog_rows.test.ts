import { describe, expect, it } from "testing";
import { csvOf } from "../../routes/api/csv.ts";
import { defineCatalog, texts } from "../../runtime/catalog.ts";
import {
  type CatalogFormat,
  type CatalogRow,
  declaredRows,
  readRows,
} from "../../runtime/catalogs/catalog_rows.ts";
import { string, uint32 } from "../../runtime/events.ts";

const movies = defineCatalog({
  name: "movies",
  summary: "",
  key: { movie_id: uint32() },
  fields: { title: string(), genres: texts() },
});

describe("readRows()", () => {
  const good = '{"movie_id":1,"title":"One","genres":["Drama"]}';
  const bad = (genres: string) => `{"movie_id":2,"title":"Two","genres":${genres}}`;

  const refused: readonly [format: CatalogFormat, text: string, line: number, got: string][] = [
    ["ndjson", `${good}\n${bad('["A|B"]')}`, 2, '["A|B"]'],
    ["ndjson", `${good}\n${bad('[""]')}`, 2, '[""]'],
    ["json-array", `[${good},${bad('["A",""]')}]`, 2, '["A",""]'],
    ["csv", "movie_id,title,genres\n1,One,Drama\n2,Two,A||B\n", 3, '"A||B"'],
    ["csv", "movie_id,title,genres\n2,Two,|\n", 2, '"|"'],
  ];
  it.each(refused)(
    "refuses a list's text that CSV has no place for: %s %s",
    (format, text, line, got) => {
      const wanted =
        `Cannot put catalog "movies": line ${line}, genres: expected texts that are not ` +
        `empty and have no |, got ${got}`;
      expect(() => readRows(movies, text, format)).toThrow(wanted);
    },
  );

  it("reads what was written as CSV", () => {
    const rows: CatalogRow[] = [
      { movie_id: 1, title: "", genres: [] },
      { movie_id: 2, title: 'Up, "up"\r\n', genres: ["Drama"] },
      { movie_id: 3, title: " A|B ", genres: ["a, b", 'c"d'] },
    ];
    const columns = Object.keys(movies.columns).map((name) => ({ name }));
    expect(readRows(movies, csvOf({ columns, rows }), "csv")).toEqual(rows);
  });

  it("reads a row whose only cell is empty", () => {
    const names = defineCatalog({
      name: "names",
      summary: "",
      key: { name: string() },
      fields: {},
    });
    const rows = [{ name: "" }, { name: "One" }];
    const text = csvOf({ columns: [{ name: "name" }], rows });
    expect(text).toBe('name\r\n""\r\nOne\r\n');
    expect(readRows(names, text, "csv")).toEqual(rows);
  });
});

describe("declaredRows()", () => {
  it("keeps lists that were put when they could have any text", () => {
    const rows = [{ movie_id: 1, title: "One", genres: ["A|B", ""] }];
    expect(declaredRows(movies, rows)).toEqual({ rows, missing: [] });
  });
});
