import { h } from "preact";
import { render } from "preact-render-to-string";
import { describe, expect, it } from "testing";
import { Sparkline } from "../../routes/(_parts)/Sparkline.tsx";

describe("a sparkline", () => {
  it("has a gap where a value is not known", () => {
    const drawn = render(h(Sparkline, { values: [null, 1, 2, null, 2, 2], label: "" }));
    const lines = [...drawn.matchAll(/<polyline points="([^"]*)"/g)].map(([, points]) => points);
    expect(lines).toEqual(["20.0,12.0 40.0,0.0", "80.0,0.0 100.0,0.0"]);
  });
});
