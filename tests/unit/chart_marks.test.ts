import { describe, expect, it } from "testing";
import { marksOf, type MetricChanges } from "../../routes/(_parts)/chart_marks.ts";
import { besideOf } from "../../routes/(_parts)/ChartTooltip.tsx";

const axis = { from: 0, to: 1000, left: 40, width: 500, height: 200 };
const at = (seconds: number) => new Date(seconds * 1000).toISOString();
const run = (run: number, seconds: number, days = 1, rows = 1) => ({
  run,
  at: at(seconds),
  days,
  rows,
});
const changes = (over: Partial<MetricChanges>): MetricChanges => ({
  topic: "views",
  runs: [],
  generations: [],
  ...over,
});

describe("marks of a chart", () => {
  it("tell what a run wrote, and lead to it", () => {
    expect(marksOf(changes({ runs: [run(7, 600, 3, 1234)] }), axis)).toEqual([{
      x: 300,
      kind: "run",
      text: "Batch run 7 published 1970-01-01 00:10:00: 3 days, 1,234 rows",
      href: "/runs?topic=views&before=8#run-views-7",
    }]);
    expect(marksOf(changes({ runs: [run(7, 600)] }), axis)[0].text).toMatch(/: 1 day, 1 row$/);
  });

  it("are one where they would lie too close together", () => {
    const marks = marksOf(changes({ runs: [run(9, 700), run(8, 120), run(7, 100)] }), axis);
    expect(marks.map(({ x }) => x)).toEqual([60, 350]);
    expect(marks[0].text).toBe("2 batch runs, 7 to 8, the last published 1970-01-01 00:02:00");
    expect(marks[0].href).toContain("#run-views-8");
  });

  it("name a change of the plugin first", () => {
    const generations = [{ generation: "v2_1", at: at(110) }];
    const [mark, ...others] = marksOf(changes({ runs: [run(7, 100)], generations }), axis);
    expect(others).toEqual([]);
    expect(mark).toMatchObject({ kind: "generation", href: "#declared" });
    expect(mark.text).toBe(
      "Plugin changed: generation v2_1 answers since 1970-01-01 00:01:50; " +
        "Batch run 7 published 1970-01-01 00:01:40: 1 day, 1 row",
    );
  });

  it("leave out what lies outside of a part that is zoomed to", () => {
    const zoomed = { ...axis, from: 500 };
    expect(marksOf(changes({ runs: [run(9, 750), run(8, 120)] }), zoomed).map(({ x }) => x))
      .toEqual([250]);
  });
});

describe("a tooltip", () => {
  it("stands to the right of its place, else to the left, and never leaves its room", () => {
    expect(besideOf(100, 200, 500)).toBe(112);
    expect(besideOf(400, 200, 500)).toBe(188);
    expect(besideOf(150, 300, 350)).toBe(50);
    expect(besideOf(150, 400, 350)).toBe(0);
  });
});
