import { describe, expect, it } from "testing";
import { definePlugin } from "../../runtime/define_plugin.ts";
import { decimal, defineSchema, instant, integer, string, uint32 } from "../../runtime/events.ts";
import { declarationText, declaredPlugin, generationOf } from "../../runtime/model/generation.ts";
import { dataOfPlugin, pluginOf } from "../../runtime/model/plugin_data.ts";
import {
  avg,
  count,
  first,
  histogram,
  last,
  max,
  min,
  type Plugin,
  quantile,
  quantiles,
  sessions,
  stddev,
  sum,
  uniq,
  variance,
} from "../../runtime/plugin.ts";
import { metricInfo } from "../../runtime/serving/metric_info.ts";

const schemaWith = (unit?: string) =>
  defineSchema({
    topic: "visits",
    version: 1,
    summary: "",
    eventId: "id",
    eventTime: "at",
    partitionKey: "id",
    fields: {
      id: string(),
      at: instant(),
      bytes: integer({ min: 0, max: 1000, unit: "bytes" }),
      stars: uint32({ unit: "stars" }),
      seconds: decimal({ scale: 3, min: 0, max: 1000, nullable: true, unit }),
    },
  });

const pluginWith = (unit?: string) =>
  definePlugin(schemaWith(unit), {
    name: "visits",
    summary: "",
    key: ({ stars }) => ({ stars, about: stars.bucket(5) }),
    measures: ({ seconds, bytes, stars }) => ({
      n: count(),
      total: sum(seconds),
      mean: avg(seconds, { where: bytes.gt(5) }),
      least: min(seconds),
      most: max(seconds),
      median: quantile(seconds, 0.5),
      q: quantiles(seconds, [0.5, 0.9]),
      spread: stddev(seconds),
      variance: variance(seconds),
      begun: first(seconds.coalesce(0)),
      ended: last(seconds.plus(1)),
      doubled: sum(seconds.times(2)),
      mixed: sum(seconds.plus(bytes)),
      ms: avg(seconds.times(1000), { unit: "milliseconds" }),
      users: uniq(stars),
      spans: histogram(seconds, [1]),
      requests: count({ unit: "requests" }),
      slow: count({ where: seconds.gt(1), unit: "requests" }),
      visits: sessions({ gap: "30m" }),
    }),
    derive: ({ n, slow, total }) => ({
      share: slow.per(n).unit("share"),
      per_event: total.per(n),
    }),
  });

const unitsOf = (plugin: Plugin) => metricInfo(plugin).units;

describe("units", () => {
  it("are those of the field where a measure keeps them, else the declared ones", () => {
    expect(unitsOf(pluginWith("seconds"))).toEqual({
      stars: "stars",
      about: "stars",
      total: "seconds",
      mean: "seconds",
      least: "seconds",
      most: "seconds",
      median: "seconds",
      q_p50: "seconds",
      q_p90: "seconds",
      spread: "seconds",
      begun: "seconds",
      ended: "seconds",
      ms: "milliseconds",
      requests: "requests",
      slow: "requests",
      visits_mean_seconds: "seconds",
      share: "share",
    });
  });

  it("stay with a stored declaration and with one from another thread", () => {
    const plugin = pluginWith("seconds");
    expect(unitsOf(declaredPlugin(declarationText(plugin))!)).toEqual(unitsOf(plugin));
    const data = JSON.parse(JSON.stringify(dataOfPlugin(plugin)));
    expect(unitsOf(pluginOf(data))).toEqual(unitsOf(plugin));
  });

  it("change no generation and no stored column", () => {
    const [without, withUnit] = [pluginWith(), pluginWith("seconds")];
    const facts = { batchSql: "", decoderVersion: 1, blockSize: 512, horizon: 1024 };
    expect(withUnit.batch.sql).toBe(without.batch.sql);
    expect(generationOf(withUnit, facts)).toBe(generationOf(without, facts));
  });

  it("are refused where they are no words", () => {
    expect(() => schemaWith("")).toThrow(/field "seconds": unit must be a word .* got ""/);
    const declare = (unit: string) =>
      definePlugin(schemaWith(), {
        name: "visits",
        summary: "",
        measures: ({ seconds }) => ({ n: count({ unit: "<b>" }), total: sum(seconds) }),
        derive: ({ total, n }) => ({ mean: total.per(n).unit(unit) }),
      });
    expect(() => declare("x".repeat(25))).toThrow(/measure "n": count unit must be .* got "<b>"/);
    expect(() => declare("x".repeat(25))).toThrow(/derive "mean": unit must be .* got "x{25}"/);
  });
});
