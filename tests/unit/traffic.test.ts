import { h } from "preact";
import { render } from "preact-render-to-string";
import { describe, expect, it } from "testing";
import type { SeriesAnswer } from "../../runtime/ports/services.ts";
import { Traffic } from "../../routes/(_parts)/Traffic.tsx";
import { moviesSeries } from "../support/sample_answers.ts";

const drawn = (changes: Partial<SeriesAnswer>) =>
  render(h(Traffic, { traffic: { ...moviesSeries, layer: "speed", ...changes } }));
const series = [{
  key: null,
  values: [10, null, 5],
  batch: [10, null, 1],
  speed: [null, null, 4],
  earlier: null,
}];

describe("the traffic of the last hour", () => {
  it("stacks what batch has recomputed and what it has not", () => {
    const html = drawn({ series });
    const rects = [
      ...html.matchAll(/<rect class="(speed|batch)" x="(\d)"[^>]*? height="([\d.]+)"/g),
    ]
      .map(([, part, x, height]) => [part, Number(x), Number(height)]);
    expect(rects).toEqual([
      ["speed", 0, 0],
      ["batch", 0, 100],
      ["speed", 1, 0],
      ["batch", 1, 0],
      ["speed", 2, 40],
      ["batch", 2, 10],
    ]);
    expect(html).toContain('aria-label="15 events in the last hour, by minute"');
    expect(html).toContain("<title>02:00: 5 events, 1 recomputed by batch</title>");
  });

  it("draws the cut as a position in the log, rounded down", () => {
    const html = drawn({ series, covered: { share: 0.9999, until: "2024-01-01T02:00:07.000Z" } });
    expect(html).toContain('<rect class="batch" width="99.9"');
    expect(html).toContain("Batch covers 99.9 % of all records, up to 2024-01-01 02:00:07.");
  });

  it("is empty without events, and has no cut where none is known", () => {
    const html = drawn({ series: [], covered: null });
    expect(html).toContain('aria-label="0 events in the last hour, by minute"');
    expect(html).not.toContain("Batch covers");
  });
});
