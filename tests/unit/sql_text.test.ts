import { describe, expect, fc, it } from "testing";
import { faultyRange, piecesOf } from "../../routes/(_parts)/sql_text.ts";

describe("piecesOf()", () => {
  it("tells keywords, functions, text, numbers and comments apart", () => {
    const sql =
      "select sum (n), 'it''s -- no \\' end' FROM `from` -- to the end\nWHERE a1 > 1.5e3 /* x";
    const told = piecesOf(sql).filter(({ kind }) => kind !== null)
      .map(({ text, kind }) => [kind, text]);
    expect(told).toEqual([
      ["keyword", "select"],
      ["function", "sum"],
      ["text", "'it''s -- no \\' end'"],
      ["keyword", "FROM"],
      ["comment", "-- to the end"],
      ["keyword", "WHERE"],
      ["number", "1.5e3"],
      ["comment", "/* x"],
    ]);
  });

  it("keeps every character, whatever the text", () => {
    const parts = fc.constantFrom(
      "'",
      '"',
      "`",
      "\\",
      "--",
      "/*",
      "*/",
      "\n",
      "a",
      "(",
      "1",
      " ",
      "é",
    );
    fc.assert(fc.property(fc.array(parts), (texts) => {
      const sql = texts.join("");
      expect(piecesOf(sql).map(({ text }) => text).join("")).toBe(sql);
    }));
  });
});

describe("faultyRange()", () => {
  it("is the rest of the line from the column on, in UTF-16 code units", () => {
    const sql = "SELECT '🎬'\n  🎬 more";
    const [from, to] = faultyRange(sql, "syntax error at line 2, column 5 (…)")!;
    expect(sql.slice(from, to)).toBe("more");
    expect(faultyRange(sql, "no position")).toBe(null);
  });
});
