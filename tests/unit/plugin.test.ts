import { describe, expect, it } from "testing";
import { definePlugin } from "../../runtime/define_plugin.ts";
import {
  decimal,
  defineSchema,
  enumeration,
  instant,
  integer,
  string,
  uint32,
} from "../../runtime/events.ts";
import { compute, when } from "../../runtime/expressions/mod.ts";
import {
  avg,
  count,
  first,
  type PluginDeclaration,
  sessions,
  sum,
  tumbling,
  uniq,
} from "../../runtime/plugin.ts";

const visits = defineSchema({
  topic: "visits",
  version: 1,
  summary: "",
  eventId: "id",
  eventTime: "at",
  partitionKey: "visitor",
  fields: {
    id: string(),
    at: instant(),
    visitor: uint32(),
    page: string(),
    referrer: string({ nullable: true }),
    kind: enumeration(["view", "click"]),
    points: integer({ min: -5, max: 5 }),
    seconds: decimal({ scale: 1, min: 0, max: 100 }),
    wide: decimal({ scale: 6, min: -130_000, max: 130_000 }),
  },
});

type Declaration = PluginDeclaration<typeof visits>;
const declaration: Declaration = {
  name: "visits",
  summary: "",
  key: ({ page, visitor }) => ({ page, visitor }),
  measures: () => ({ visit_count: count() }),
};

/** What is said of a declaration with other members; null where it is taken. */
function faultOf(over: Partial<Declaration> | Record<string, unknown>): string | null {
  try {
    definePlugin(visits, { ...declaration, ...over });
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    const [, what] = /^Cannot define plugin "visits": ([^]*)$/.exec((error as Error).message)!;
    return what;
  }
}

const presented = (over: Record<string, string>) => faultOf({ present: over });

describe("definePlugin()", () => {
  it("gives everything that is left out the default of a user's choice", () => {
    const plugin = definePlugin(visits, declaration);
    expect(plugin.version).toBe(1);
    expect(plugin.stream).toEqual({
      window: tumbling("10s"),
      relation: { name: "stream_visits" },
    });
    expect(plugin.batch.grain).toBe("hour");
    expect(plugin.batch.relation.name).toBe("batch_visits");
    expect(plugin.merged.relation.name).toBe("merged_visits");
    expect(plugin.present).toEqual({
      title: "Visits",
      chart: "bar",
      by: "page",
      sort: "-visit_count",
    });
  });

  it("makes the batch SQL of where, key and measures", () => {
    const { batch } = definePlugin(visits, {
      name: "visits",
      summary: "",
      where: ({ kind, seconds }) => kind.eq("view").and(seconds.gte(0.5)),
      key: ({ page, kind, at }) => ({ page: page.before("?"), type: kind, weekday: at.weekday() }),
      measures: ({ seconds, visitor }) => ({
        seconds: avg(seconds.times(2)),
        visitors: uniq(visitor),
      }),
      batch: { grain: "day" },
    });
    expect(batch.sql).toBe(`SELECT
    toStartOfDay(event_time) AS bucket,
    if(position(events.page, '?') = 0, events.page, substring(events.page, 1, position(events.page, '?') - 1)) AS page,
    kind AS type,
    toDayOfWeek(at) AS weekday,
    sum(events.seconds * 2) AS seconds_sum,
    count(events.seconds * 2) AS seconds_count,
    groupUniqArray(visitor) AS visitors
FROM events
WHERE kind = 'view' AND events.seconds >= toDecimal64('0.5', 1)
GROUP BY ALL`);
  });

  it("takes every chart, and any key to present by", () => {
    for (const chart of ["bar", "line"]) expect(presented({ chart })).toBe(null);
    for (const by of ["page", "visitor"]) expect(presented({ by })).toBe(null);
  });

  it("refuses an unknown chart", () => {
    expect(presented({ chart: "pie" })).toBe('present.chart must be bar or line, got "pie"');
  });

  it("refuses to present by what is no key", () => {
    for (const by of ["nope", "visit_count", "referrer"]) {
      expect(presented({ by })).toBe(`present.by must be one of page, visitor, got "${by}"`);
    }
  });

  it("leaves open what a metric without keys is presented by", () => {
    expect(faultOf({ key: undefined })).toBe(null);
  });

  it("refuses to sort by what is neither key nor shown, and names the closest", () => {
    expect(presented({ sort: "-nope" })).toBe(
      'present.sort must be one of page, visitor, visit_count, got "-nope"',
    );
    expect(presented({ sort: "-visit_coun" })).toBe(
      'present.sort must be one of page, visitor, visit_count, got "-visit_coun"; ' +
        'did you mean "-visit_count"?',
    );
  });

  it("refuses keys that are null, no whole numbers, or out of range", () => {
    const fault = (key: Declaration["key"]) => faultOf({ key });
    const wanted =
      'key "k" must be a whole number from 0 to 4294967295, an enumeration, a text or ' +
      "a boolean that is not nullable, got ";
    expect(fault(({ referrer }) => ({ k: referrer }))).toBe(
      `${wanted}a text that can be null; leave null out by where, or replace it by coalesce()`,
    );
    expect(fault(({ seconds }) => ({ k: seconds }))).toBe(`${wanted}a decimal from 0 to 100`);
    expect(fault(({ at }) => ({ k: at as never }))).toBe(`${wanted}an instant`);
    expect(fault(({ points }) => ({ k: points }))).toBe(`${wanted}an integer from -5 to 5`);
    for (
      const key of [
        ({ referrer }) => ({ k: referrer.coalesce("none") }),
        ({ seconds }) => ({ k: seconds.floor() }),
        ({ points }) => ({ k: points.plus(5) }),
        ({ at }) => ({ k: at.date() }),
        ({ seconds }) => ({ k: when(seconds.gt(9.5), "long").otherwise("short") }),
      ] satisfies Declaration["key"][]
    ) expect(fault(key)).toBe(null);
  });

  it("knows what has a value where an event counts", () => {
    const key: Declaration["key"] = ({ referrer }) => ({ site: referrer.lower() });
    const wheres: Declaration["where"][] = [
      ({ referrer }) => referrer.isNotNull(),
      ({ referrer, kind }) => kind.eq("view").and(referrer.isNotNull()),
      ({ referrer }) => referrer.startsWith("https://"),
      ({ referrer }) => referrer.upper().isNotNull(),
    ];
    for (const where of wheres) expect(faultOf({ key, where })).toBe(null);
    const others: Declaration["where"][] = [
      ({ referrer, kind }) => kind.eq("view").or(referrer.isNotNull()),
      ({ referrer }) => referrer.isNull().not().or(true),
      ({ referrer }) => referrer.isNull(),
      ({ referrer }) => referrer.coalesce("").ne("x"),
      ({ page }) => page.isNotNull(),
    ];
    for (const where of others) expect(faultOf({ key, where })).toContain("can be null");
  });

  it("refuses numbers that could overflow", () => {
    const measures = (of: Declaration["measures"]) => faultOf({ measures: of });
    expect(measures(({ wide }) => ({ n: sum(wide.times(wide)) }))).toMatch(
      /^measure "n": sum: times\(wide, wide\): its values, from -16899999999.999998 to 16899999999.999998 with 12 places, exceed/,
    );
    expect(measures(({ wide }) => ({ n: sum(wide.times(10)) }))).toBe(
      'measure "n" takes numbers of at most 137438953472 steps, got -1300000 to 1300000 with 6 places',
    );
    expect(measures(({ wide }) => ({ n: sum(wide.floor().times(10)) }))).toBe(null);
  });

  it("refuses sessions with a gap that is no span, and without a key or another measure", () => {
    const gaps = ["30", "0m", "1d", "half an hour"];
    for (const gap of gaps) {
      expect(faultOf({ measures: () => ({ n: sessions({ gap }) }) }))
        .toContain(`declare sessions: gap must be like "10s", "5m", "1h", got "${gap}"`);
    }
    expect(faultOf({ key: undefined, measures: () => ({ n: sessions({ gap: "1h" }) }) }))
      .toContain("it needs a key, or a measure beside sessions, for its relations to show");
  });

  it("refuses columns of relations that read sessions, and names them", () => {
    const relation = (columns: Record<string, string>) =>
      faultOf({
        measures: () => ({ n: count(), visits: sessions({ gap: "1h" }) }),
        merged: { relation: { columns } },
      });
    expect(relation({ all: "n" })).toBe(null);
    expect(relation({ all: "n", begun: "visits * 2" })).toContain(
      "merged.relation.columns.begun reads a measure of sessions, which relations do not have",
    );
  });

  it("says all that is wrong at once, with the closest valid names", () => {
    const given = {
      name: "visits",
      version: 0,
      sumary: "Visits",
      summary: "",
      where: ({ kind }: { kind: { eq(value: string): unknown } }) => kind.eq("vieww"),
      key: ({ pages, limit }: Record<string, unknown>) => ({ pages, limit: limit ?? 1, layer: 7 }),
      measures: ({ kind }: Record<string, never>) => ({ total: sum(kind), n: 1 }),
      batch: { grain: "5minutes", sqll: "" },
      present: { sort: "-totals" },
    };
    expect(faultOf(given)!.split("\n- ").slice(1)).toEqual([
      'sumary is no member; known are name, version, summary, where, key, measures, derive, stream, batch, merged, present; did you mean "summary"?',
      'batch.sqll is no member; known are sql, grain, relation; did you mean "sql"?',
      "version must be 1 or more, got 0",
      'batch.grain must be one of minute, 5minute, 15minute, hour, day, got "5minutes"; did you mean "5minute"?',
      'where: expected one of view, click, got "vieww"; did you mean "view"?',
      'key "pages": the schema has no field "pages"; did you mean "page"?',
      'key "limit": the schema has no field "limit"',
      'key "layer": expected an expression of the fields, got 7',
      'measure "n" must be a measure such as count(), got 1',
      'measure "total": sum takes uint32, integer, decimal, got the enumeration "kind"',
      'key "limit" has the name of a parameter of API or page; give it another one',
      'key "layer" has the name of a parameter of API or page; give it another one',
      'present.sort must be one of pages, limit, layer, total, n, got "-totals"; did you mean "-total"?',
    ]);
  });

  it("refuses in the editor what it refuses when it runs", () => {
    const base = { name: "visits", summary: "" };
    const measures = () => ({ n: count() });
    const refused = [
      // @ts-expect-error: the enumeration has no such value
      () => definePlugin(visits, { ...base, measures, where: ({ kind }) => kind.eq("vieww") }),
      // @ts-expect-error: an enumeration has no sum
      () => definePlugin(visits, { ...base, measures: ({ kind }) => ({ n: sum(kind) }) }),
      () =>
        definePlugin(visits, {
          ...base,
          // @ts-expect-error: a number is no condition
          measures: ({ seconds }) => ({ n: count({ where: seconds }) }),
        }),
      // @ts-expect-error: the schema has no such field
      () => definePlugin(visits, { ...base, measures, key: ({ pages }) => ({ pages }) }),
      // @ts-expect-error: a text is no number
      () => definePlugin(visits, { ...base, measures, where: ({ page }) => page.gt(1) }),
      // @ts-expect-error: a number is no condition
      () => definePlugin(visits, { ...base, measures, where: ({ seconds }) => seconds }),
      () =>
        definePlugin(visits, {
          ...base,
          key: ({ page }) => ({ page }),
          measures: () => ({ n: count() }),
          // @ts-expect-error: no column has this name
          present: { sort: "-nn" },
        }),
      () =>
        definePlugin(visits, {
          ...base,
          measures: () => ({ n: count() }),
          // @ts-expect-error: no measure has this name
          derive: ({ n, m }) => ({ share: n.per(m) }),
        }),
    ];
    for (const each of refused) expect(each).toThrow(TypeError);
  });

  it("derives what is shown from the measures", () => {
    const { derive } = definePlugin(visits, {
      name: "visits",
      summary: "",
      measures: ({ seconds }) => ({ n: count(), mean: avg(seconds), total: sum(seconds) }),
      derive: ({ n, mean, total }) => ({
        share: total.minus(n).per(n.plus(1)).times(100),
        rest: total.minus(n.minus(mean)).plus(-0.5),
      }),
    });
    const sql = Object.fromEntries(Object.entries(derive).map(([name, { sql }]) => [name, sql]));
    expect(sql).toEqual({
      share: "(total - n) / (n + 1) * 100",
      rest: "total - (n - mean) + (-0.5)",
    });
    expect(faultOf({ derive: ({ visits }: Record<string, never>) => ({ visits, n: 7 }) })).toBe(
      '\n- derive "visits": there is no measure "visits"' +
        '\n- derive "n": expected an expression of the measures, got 7',
    );
  });

  it("derives nothing from a measure that is no number", () => {
    const measures = ({ page, seconds }: Parameters<NonNullable<Declaration["measures"]>>[0]) => ({
      from: first(page),
      least: first(seconds),
    });
    const derived = (of: Declaration["derive"]) => faultOf({ measures, derive: of });
    expect(derived(({ least }) => ({ twice: least.plus(least) }))).toBe(null);
    expect(derived(({ least, from }) => ({ sum: least.plus(from) }))).toBe(
      'derive "sum": expected a measure that is a number, got "from"',
    );
  });

  it("never gives an author a bare error of JavaScript", () => {
    const broken = (of: unknown) => faultOf({ where: of });
    expect(broken(() => null)).toBe("where: expected an expression of the fields, got null");
    expect(broken("rating")).toBe('where must be a function of the fields, got "rating"');
    expect(broken(({ page }: { page: { eqq(): void } }) => page.eqq())).toBe(
      "where throws: page.eqq is not a function",
    );
    expect(broken(({ page }: { page: unknown }) => page)).toBe(
      "where must be a condition, got a text",
    );
    expect(faultOf({ measures: undefined })).toMatch(/^\n- measures must be a function/);
    expect(faultOf({ measures: () => 5 })).toMatch(/measures must return an object, got 5/);
    expect(() => definePlugin(undefined as never, declaration as never)).toThrow(TypeError);
    expect(() => definePlugin(visits, null as never)).toThrow(/second argument/);
  });

  it("takes a function of the event, with its SQL", () => {
    const plugin = definePlugin(visits, {
      name: "visits",
      summary: "",
      key: () => ({ tail: compute(string(), () => "x", { sql: "right(page, 3)" }) }),
      measures: () => ({ n: count() }),
    });
    expect(plugin.batch.sql).toContain("(right(page, 3)) AS tail");
  });
});
