/** Time series of one metric: where they lie, whose they are, and their points, in columns. */
import { encodeFrontier } from "../model/frontier.ts";
import { grainSeconds } from "../plugin.ts";
import type { FutureEvents, SeriesAnswer, SeriesQuery } from "../ports/services.ts";
import { changeOf, comparedEnd, type ComparedRanges, comparedRanges } from "./comparison.ts";
import { isoOfSeconds } from "./instant.ts";
import { fixedSeconds, offsetAt, widthText } from "./local_buckets.ts";
import { stepSeconds } from "./metric_info.ts";
import type { KeyValue, TypedQuery } from "./metric_query.ts";
import { RowPart } from "./metric_parts.ts";
import type { MetricSource } from "./metric_source.ts";
import type { MetricSqlInput } from "./metric_sql.ts";
import {
  readSeriesQuery,
  type SeriesRange,
  seriesRange,
  type TypedSeries,
} from "./series_query.ts";
import { boundsSql, partEvents, partsOf, pointsSql, timesOf, topKeysSql } from "./series_sql.ts";
import { isWhole } from "./whole_ranges.ts";

type Key = readonly KeyValue[];
type Row = Readonly<Record<string, unknown>>;
type Inputs = Omit<MetricSqlInput, "query">;

/** Where fewer points would be whole grains, a merged series has finer ones. */
const FEWEST_POINTS = 12;

/** The times of points, and which of them are whole grains. */
type Times = ReturnType<typeof timesOf> & Pick<TypedQuery, "layer" | "bucket">;

/** An earlier range's points. */
interface Earlier {
  readonly ranges: ComparedRanges;
  readonly times: Times;
  readonly found: readonly Row[];
}

interface FoundPoints {
  readonly range: SeriesRange | null;
  /** Which times its points count; null as the range is. */
  readonly times: Times | null;
  /** Null unless the question compares. */
  readonly earlier: Earlier | null;
  /** Where the data ends, in seconds since 1970 UTC, if that lies beyond the range; else null. */
  readonly beyond: number | null;
  readonly keys: readonly Key[] | null;
  readonly found: readonly Row[];
}

interface Bounds {
  readonly first: number | string;
  readonly last: number | string;
}

/** Where the buckets of an answer lie. */
function bucketsOf({ bucket, zone }: TypedSeries, range: SeriesRange | null) {
  const asked = range?.bucket ?? (bucket && { ...bucket, zone });
  const time = range?.time ?? [];
  return {
    bucket: asked && widthText(asked),
    bucket_seconds: asked && fixedSeconds(asked),
    time,
    end: range && range.end,
    offsets: time.map((start) => offsetAt(zone, start)),
  };
}

/** Answers questions for time series. */
export class MetricSeries {
  readonly #source: MetricSource;

  constructor(source: MetricSource) {
    this.#source = source;
  }

  /** @throws as `Serving.series` says. */
  async answer(asked: SeriesQuery, signal: AbortSignal): Promise<SeriesAnswer> {
    const { tables: { plugin } } = this.#source;
    const query = readSeriesQuery(plugin, asked);
    const { layer, measure } = query;
    const published = await this.#source.asOf(layer, signal);
    const { cut } = published;
    const divided = await this.#source.dividedAt(layer, published, signal);
    const parts = divided === null ? null : partsOf(plugin, measure)?.by ?? null;
    const inputs = this.#source.inputs({ ...published, cut: divided ?? cut });
    const acknowledged = layer === "batch" ? {} : this.#source.frontier();
    const future = query.to === null ? await this.#source.topic.future?.() ?? null : null;
    const { range, times, beyond, keys, found, earlier } = await this.#source.inTurn(
      signal,
      () => this.#read(inputs, query, future, signal),
    );
    // Where there is nothing to show, no rows are read.
    const frontier = times === null ? cut : this.#source.reached(times, found, cut, acknowledged);
    if (earlier !== null && earlier.found.length > 0) {
      this.#source.reached(earlier.times, earlier.found, cut, acknowledged);
    }
    return {
      metric: plugin.name,
      layer,
      tz: query.zone.zone,
      compare: earlier && earlier.ranges.shown,
      cut: encodeFrontier(cut),
      frontier: encodeFrontier(frontier),
      covered: divided === null || times === null
        ? null
        : await this.#source.covered(divided, frontier),
      ...await this.#source.kept(layer),
      speed_ranges: [
        ...(earlier === null ? [] : this.#source.speedRanges(earlier.times)),
        ...(times === null ? [] : this.#source.speedRanges(times)),
      ],
      not_compared: await this.#source.notCompared(layer, signal),
      measure,
      unit: plugin.shownColumns.find(({ name }) => name === measure)?.unit ?? null,
      ...bucketsOf(query, range),
      parts,
      series: range === null ? [] : this.#columns(query, range, keys, parts, found, earlier),
      beyond: beyond === null || future === null
        ? null
        : { until: isoOfSeconds(beyond), future_events: future.events },
      // After all that takes time: state and problems are those of one moment.
      ...this.#source.standing(),
    };
  }

  async #read(
    inputs: Inputs,
    asked: TypedSeries,
    future: FutureEvents | null,
    signal: AbortSignal,
  ): Promise<FoundPoints> {
    const { plugin } = this.#source.tables;
    const { compare } = asked;
    const to = compare === null
      ? asked.to
      : comparedEnd(plugin, asked, await this.#source.watermarkMs());
    const query = { ...asked, to };
    const bounds = await this.#bounds(inputs, query, future, signal);
    if (bounds === null) {
      return { range: null, times: null, beyond: null, keys: null, found: [], earlier: null };
    }
    const range = await this.#rangeOf(query, bounds);
    const times = this.#timesOf(query, range);
    const { beyond } = bounds;
    const points = await this.#source.whole(times, async () => {
      const { top } = query;
      const ranked = top === null
        ? null
        : await this.#source.ask(topKeysSql(inputs, query, range, top), signal);
      const keys = ranked && this.#keysOf(ranked, top!);
      if (keys?.length === 0) return { keys, found: ranked! };
      return { keys, found: await this.#source.ask(pointsSql(inputs, query, range, keys), signal) };
    });
    const question = { ...asked, bucket: range.bucket };
    const ranges = compare && comparedRanges(plugin, question, compare, to!);
    const earlier = ranges &&
      await this.#earlier(inputs, query, range, ranges, points.keys, signal);
    return { range, times, beyond, ...points, earlier };
  }

  /** The points of the earlier range: as of the same run, and read later, so of no fewer events. */
  async #earlier(
    inputs: Inputs,
    asked: TypedSeries,
    range: SeriesRange,
    ranges: ComparedRanges,
    keys: readonly Key[] | null,
    signal: AbortSignal,
  ): Promise<Earlier> {
    const query = { ...asked, ...ranges.earlier };
    const times = this.#timesOf(query, range);
    const found = keys?.length === 0 ? [] : await this.#source.whole(
      times,
      () => this.#source.ask(pointsSql(inputs, query, range, keys), signal),
    );
    return { ranges, times, found };
  }

  /**
   * The buckets of a series. Unless they were asked for, merged ones are whole grains; where those
   * would be few, they are finer if all windows are whole and none are compared.
   */
  async #rangeOf(
    query: TypedSeries,
    { from, to }: { readonly from: number; readonly to: number },
  ): Promise<SeriesRange> {
    const { plugin } = this.#source.tables;
    const { layer, bucket, compare } = query;
    if (layer !== "merged" || bucket !== null) return seriesRange(plugin, query, from, to);
    const coarse = seriesRange(plugin, query, from, to, stepSeconds(plugin, "batch"));
    if (coarse.time.length >= FEWEST_POINTS || compare !== null) return coarse;
    const fine = seriesRange(plugin, query, from, to);
    const kept = await this.#source.wholeWindows();
    return isWhole(plugin, this.#timesOf(query, fine), kept) ? fine : coarse;
  }

  /** The times of points, of the buckets of a range. */
  #timesOf(query: TypedSeries, range: SeriesRange): Times {
    const { layer } = query;
    const { plugin } = this.#source.tables;
    return { layer, bucket: range.bucket, ...timesOf(plugin, query, range) };
  }

  /**
   * Where a series begins and ends; null where nothing is known and no range was asked for. Without
   * an end of its own it ends with the day of the watermark, if future events lie beyond: `beyond` is
   * where they end.
   */
  async #bounds(
    inputs: Inputs,
    query: TypedSeries,
    future: FutureEvents | null,
    signal: AbortSignal,
  ): Promise<{ from: number; to: number; beyond: number | null } | null> {
    const { from, to } = query;
    if (from !== null && to !== null) return { from, to, beyond: null };
    const statement = boundsSql(inputs, query);
    const rows = statement.sql === "" ? [] : await this.#source.ask<Bounds>(statement, signal);
    const first = from ?? Math.min(...rows.map((row) => Number(row.first)));
    const last = to ?? Math.max(...rows.map((row) => Number(row.last)));
    if (!(first < last && Number.isFinite(first + last))) return null;
    const { day } = grainSeconds;
    const end = future === null
      ? Infinity
      : (Math.floor(future.watermarkMs / 1000 / day) + 1) * day;
    return first < end && end < last
      ? { from: first, to: end, beyond: Math.ceil(last / day) * day }
      : { from: first, to: last, beyond: null };
  }

  /** The greatest keys, of rows of {@link topKeysSql}. */
  #keysOf(rows: readonly Row[], top: number): Key[] {
    const { keyColumns } = this.#source.tables.plugin;
    return rows.filter((row) => Number(row.frontier) === 0).slice(0, top)
      .map((row) => keyColumns.map(({ name }) => row[name] as KeyValue));
  }

  /** Points by key and time; null where there is none. */
  #columns(
    { measure }: TypedSeries,
    { time }: SeriesRange,
    keys: readonly Key[] | null,
    parts: SeriesAnswer["parts"],
    found: readonly Row[],
    earlier: Earlier | null,
  ): SeriesAnswer["series"] {
    const { keyColumns } = this.#source.tables.plugin;
    const empty = () => new Array<number | null>(time.length).fill(null);
    const places = new Map(time.map((start, i) => [start, i]));
    const lines = (keys ?? [null]).map((key) => ({
      key: key && Object.fromEntries(keyColumns.map(({ name }, i) => [name, key[i]])),
      values: empty(),
      batch: parts && empty(),
      speed: parts && empty(),
    }));
    const byKey = new Map(keys?.map((key, i) => [JSON.stringify(key), lines[i]]));
    for (const row of found) {
      if (Number(row.frontier) > 0) continue;
      const line = keys === null
        ? lines[0]
        : byKey.get(JSON.stringify(keyColumns.map(({ name }) => row[name])))!;
      const at = places.get(Date.parse(String(row.bucket)) / 1000)!;
      const part = Number(row._part ?? RowPart.merged);
      const value = row[part !== RowPart.merged && parts === "events" ? partEvents : measure];
      const values = [line.values, line.batch, line.speed][part];
      if (values !== null) values[at] = value === null ? null : Number(value);
    }
    if (earlier === null) return lines.map((line) => ({ ...line, earlier: null }));
    const { ranges: { back }, found: rows } = earlier;
    const textOf = (key: Key | null) => JSON.stringify(key);
    const before = new Map(
      rows.filter((row) => Number(row.frontier) === 0 && Number(row._part ?? 0) === 0).map(
        (row) => {
          const key = keys && keyColumns.map(({ name }) => row[name] as KeyValue);
          return [`${textOf(key)} ${Date.parse(String(row.bucket)) / 1000}`, row[measure]];
        },
      ),
    );
    return lines.map((line, i) => {
      const changes = time.map((start, at) =>
        changeOf(line.values[at], before.get(`${textOf(keys && keys[i])} ${back(start)}`))
      );
      return {
        ...line,
        earlier: {
          values: changes.map((each) => each.before),
          change: changes.map((each) => each.change),
          percent: changes.map((each) => each.percent),
        },
      };
    });
  }
}
