import { describe, expect, it } from "testing";
import { decimal, defineSchema, instant, string, uint32 } from "../../runtime/events.ts";
import { count, definePlugin, type PluginDeclaration, tumbling } from "../../runtime/plugin.ts";

const visits = defineSchema({
  ...{ topic: "visits", version: 1, summary: "" },
  ...{ eventId: "id", eventTime: "at", partitionKey: "visitor" },
  fields: {
    id: string(),
    at: instant(),
    visitor: uint32(),
    page: string(),
    referrer: string({ nullable: true }),
    seconds: decimal({ scale: 1, min: 0, max: 100 }),
  },
});

const declaration: PluginDeclaration = {
  ...{ name: "visits", version: 1, summary: "", source: visits },
  key: { page: "page", visitor: "visitor" },
  measures: { visit_count: count() },
  stream: { window: tumbling("10s"), relation: { name: "stream_visits" } },
  batch: { sql: "SELECT 1", grain: "hour", relation: { name: "batch_visits" } },
  present: { title: "", chart: "bar", by: "page", sort: "-visit_count" },
};

/** What is said of a declaration with other members; null where it is taken. */
function faultOf(over: Partial<PluginDeclaration>): string | null {
  try {
    definePlugin({ ...declaration, ...over });
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    const [, what] = /^Cannot define plugin "visits": (.*)$/.exec((error as Error).message)!;
    return what;
  }
}

const presented = (over: Record<string, string>) =>
  faultOf({ present: { ...declaration.present, ...over } });

describe("definePlugin()", () => {
  it("takes every chart, and any key to present by", () => {
    for (const chart of ["bar", "line"]) expect(presented({ chart })).toBe(null);
    for (const by of ["page", "visitor"]) expect(presented({ by })).toBe(null);
  });

  it("refuses a chart that there is not", () => {
    expect(presented({ chart: "pie" })).toBe('present.chart must be bar or line, got "pie"');
  });

  it("refuses to present by what is no key", () => {
    for (const by of ["nope", "visit_count", "referrer"]) {
      expect(presented({ by })).toBe(`present.by must be one of page, visitor, got "${by}"`);
    }
  });

  it("leaves open what a metric without keys is presented by", () => {
    expect(faultOf({ key: {} })).toBe(null);
  });

  it("refuses to sort by what is neither key nor shown", () => {
    expect(presented({ sort: "-nope" })).toBe(
      'present.sort must be one of page, visitor, visit_count, got "-nope"',
    );
  });

  it("says the same of a field and of a computed key that cannot be one", () => {
    const fault =
      'key "page" must be a uint32, enumeration, string or boolean that is not nullable';
    const types = [visits.fields.referrer, visits.fields.seconds, visits.fields.at];
    for (const [i, field] of ["referrer", "seconds", "at"].entries()) {
      expect(faultOf({ key: { page: field } })).toBe(fault);
      expect(faultOf({ key: { page: { type: types[i], of: () => "" } } })).toBe(fault);
    }
  });
});
