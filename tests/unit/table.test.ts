import { describe, expect, fc, it } from "testing";
import stringWidth from "string-width";
import { cut, plain, Table, table } from "../../runtime/commands/table.ts";

const watched = (columns: number) => ({ tty: true, columns });

describe("table", () => {
  it("aligns wide characters by the cells that they take", () => {
    const lines = table(["title", "views"], [["日本", "7"], ["Up", "1,204"]]).split("\n");
    expect(lines.slice(0, 3)).toEqual(["  title  views", "  日本       7", "  Up     1,204"]);
  });

  it("cuts the widest text to the terminal's width, and nothing elsewhere", () => {
    const rows = [["ratings", "x".repeat(200), "12,345"]];
    const lines = table(["plugin", "error", "rows"], rows, watched(40)).trimEnd().split("\n");
    expect(lines.map((line) => stringWidth(line))).toEqual([40, 40]);
    expect(lines[1]).toMatch(/^ {2}ratings {2}x+… {2}12,345$/);
    expect(table(["plugin", "error", "rows"], rows)).toContain("x".repeat(200));
    expect(table(["plugin", "error", "rows"], rows, { tty: false, columns: 40 }))
      .toContain("x".repeat(200));
  });

  it("never cuts numbers, nor texts below eight cells", () => {
    const text = table(["a", "b"], [["abcdefghijkl", "123,456,789,012"]], watched(10));
    expect(text).toContain("abcdefg…  123,456,789,012");
  });

  it("keeps its columns for rows that come later", () => {
    const printed = new Table({ headings: ["a", "b"], right: [false, true] });
    const first = printed.text([["wide text", "1"]]);
    expect(first + printed.text([["x", "22"]])).toBe(
      "  a          b\n  wide text  1\n  x          22\n",
    );
  });

  it("lets no text move the cursor, turn the direction or end a line", () => {
    const hostile = "a\u001b[2Jb\nc\u009bd\u202ee\u2028f\tg";
    expect(plain(hostile)).toBe("a\\u001b[2Jb\\nc\\u009bd\\u202ee\\u2028f\\tg");
    expect(table(["t"], [[hostile]]).split("\n").length).toBe(3);
  });

  it("cut() never takes more cells than it may, and keeps what fits", () => {
    fc.assert(fc.property(
      fc.string({ unit: "grapheme" }).map(plain),
      fc.integer({ min: 1, max: 30 }),
      (text, width) => {
        const shown = cut(text, width);
        expect(stringWidth(shown)).toBeLessThanOrEqual(width);
        if (stringWidth(text) <= width) expect(shown).toBe(text);
      },
    ));
  });
});
