import { describe, expect, it } from "testing";
import { countTests } from "../../tools/count_tests.ts";

const file = (...cases: string[]) =>
  `<?xml version="1.0"?><testsuites><testsuite name="a">${
    cases.join("\n")
  }</testsuite></testsuites>`;
const passed = (name: string) => `<testcase name="${name}" classname="a" line="1">\n</testcase>`;
const failed = (name: string) =>
  `<testcase name="${name}"><failure message="x &lt;testcase&gt;">no</failure></testcase>`;

describe("countTests()", () => {
  it("counts tests, not the groups they are in", () => {
    const counts = countTests(file(
      passed("log"),
      passed("log &gt; append()"),
      passed("log &gt; append() &gt; is durable"),
      passed("log &gt; append() &gt; keeps order"),
      `<testcase name="alone" time="0.1"/>`,
    ));
    expect(counts).toEqual({ passed: 3, failed: 0, skipped: 0 });
  });

  it("counts a failure once, however deep", () => {
    const counts = countTests(file(failed("log"), failed("log &gt; reads"), passed("log &gt; b")));
    expect(counts).toEqual({ passed: 1, failed: 1, skipped: 0 });
  });

  it("counts a group that failed by itself, as by a hook", () => {
    const counts = countTests(file(failed("log"), passed("log &gt; reads")));
    expect(counts).toEqual({ passed: 1, failed: 1, skipped: 0 });
  });

  it("counts what vitest wrote, whose attributes come in another order", () => {
    const junit = file(
      `<testcase classname="a.test.ts" name="log &gt; reads" time="0.1">\n</testcase>`,
      `<testcase classname="a.test.ts" name="log &gt; appends" time="0.1"><failure/></testcase>`,
    );
    expect(countTests(junit)).toEqual({ passed: 1, failed: 1, skipped: 0 });
  });

  it("counts skipped tests apart", () => {
    const counts = countTests(file(`<testcase name="x"><skipped/></testcase>`, passed("y")));
    expect(counts).toEqual({ passed: 1, failed: 0, skipped: 1 });
  });
});
