/** The data of a metric's page, for the page and for its updates. */
import { instantText, spanText } from "../(_parts)/figures.ts";
import type { MetricData, Part } from "../(_parts)/metric_data.ts";
import { linkWith, withoutOf } from "../(_parts)/link_with.ts";
import type { EventRange, MetricInfo, Services, Status } from "../../runtime/ports/services.ts";
import { UnansweredRangeError, UserError } from "../../runtime/std/errors.ts";
import { type Outcome, outcomeOf } from "./define.ts";
import { changesOf } from "./metric_changes.ts";
import {
  countRows,
  definedOf,
  foundKeys,
  keysOf,
  readRows,
  readSeries,
  type View,
} from "./metric_questions.ts";
import { namedBy } from "./movie_example.ts";

/** Spans back from now, in seconds. */
export const ranges: Readonly<
  Record<string, { readonly title: string; readonly seconds: number }>
> = {
  "5m": { title: "5 min", seconds: 300 },
  "15m": { title: "15 min", seconds: 900 },
  "1h": { title: "1 h", seconds: 3600 },
  "6h": { title: "6 h", seconds: 21_600 },
  "24h": { title: "24 h", seconds: 86_400 },
  "7d": { title: "7 d", seconds: 604_800 },
  "30d": { title: "30 d", seconds: 2_592_000 },
  "1y": { title: "1 y", seconds: 31_536_000 },
};

/** A span of fewer grains (or hours) begins and ends with a window, a longer one with a grain. */
const FEWEST_GRAINS = 12;
const HOUR_SECONDS = 3600;
const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;

const layers = ["merged", "batch", "speed"] as const;

/**
 * Reads a view. The service validates columns, buckets and numbers; any other invalid parameter gets its
 * default and becomes the view's fault.
 */
export function viewOf(params: URLSearchParams, info: MetricInfo, status: Status | null): View {
  const text = (name: string) => (params.get(name) ?? "").slice(0, 500);
  let fault: UserError | null = null;
  const refuse = (name: string, wanted: string) => {
    const message = `${name} must be ${wanted}, got ${JSON.stringify(text(name).slice(0, 80))}`;
    fault ??= new UserError(message, { field: name });
    return null;
  };
  const oneOf = <T extends string>(name: string, values: readonly T[]): T | null => {
    if (text(name) === "") return null;
    const found = values.find((value) => value === text(name));
    return found ?? refuse(name, `one of ${values.join(", ")}`);
  };
  const custom = text("from") !== "" || text("to") !== "";
  const asked = oneOf("range", [...Object.keys(ranges), "all", "custom"]);
  const newestMs = newestOf(info, status);
  const named = asked === null || asked === "custom" ? usualRange(newestMs) : asked;
  const range = custom || (named === "all" && info.needs_from) ? "custom" : named;
  const span = ranges[range]?.seconds ?? null;
  const layer = oneOf("layer", layers) ?? "merged";
  const isLong = span !== null &&
    span >= FEWEST_GRAINS * Math.min(info.grain_seconds, HOUR_SECONDS);
  const stepSeconds = layer === "batch" || layer === "merged" && isLong
    ? info.grain_seconds
    : info.window_seconds;
  const stepMs = stepSeconds * 1000;
  const rounded = (ms: number) => new Date(Math.floor(ms / stepMs) * stepMs).toISOString();
  const instantMs = (name: string) => {
    if (text(name) === "") return null;
    const ms = Date.parse(/Z$|[+-]\d\d:?\d\d$/i.test(text(name)) ? text(name) : `${text(name)}Z`);
    return Number.isNaN(ms) ? refuse(name, "an instant such as 2024-03-01T18:00Z") : ms;
  };
  const untilMs = instantMs("until") ?? Date.now();
  const toMs = instantMs("to");
  const fromMs = instantMs("from") ?? (info.needs_from ? yearBefore(toMs ?? newestMs) : null);
  const sort = info.sort.replace(/^-/, "");
  return {
    range,
    layer,
    spanSeconds: span,
    stepSeconds,
    ...(span === null
      ? {
        from: fromMs === null ? null : rounded(fromMs),
        // All of what was asked for: its end is rounded up.
        to: toMs === null ? null : rounded(toMs + stepMs - 1),
      }
      : { from: rounded(untilMs - span * 1000), to: rounded(untilMs + stepMs) }),
    until: new Date(untilMs).toISOString(),
    widened: span === null && [fromMs, toMs].some((ms) => ms !== null && ms % stepMs !== 0),
    bucket: text("bucket"),
    tz: text("tz"),
    measure: text("measure") ||
      (info.series_measures.includes(sort) ? sort : info.series_measures[0] ?? ""),
    top: text("top"),
    search: text("q").trim(),
    keys: definedOf(Object.fromEntries(info.keys.map(({ name }) => [name, text(name)]))),
    compare: params.getAll("chart_key").filter((key) => key !== ""),
    order: text("order") || info.sort,
    after: text("after"),
    url: { search: `?${params}` },
    fault,
  };
}

/** Which range chart and rows cover, where it is not the one that was chosen; else null. */
function coverageOf(info: MetricInfo, view: View, isNearest: boolean): string | null {
  const { spanSeconds, stepSeconds, widened } = view;
  const covered = `chart and rows cover the time ${rangeText(view)} UTC.`;
  if (isNearest) return `The speed layer no longer has all windows of this range: ${covered}`;
  // The first and the last grain stick out of a short span.
  const isCoarse = spanSeconds !== null && stepSeconds === info.grain_seconds &&
    stepSeconds * 50 >= spanSeconds;
  return widened || isCoarse ? `In units of ${spanText(stepSeconds)}, ${covered}` : null;
}

/** The ranges that an answer counts from windows, in words; null without any. */
function speedRangesOf(info: MetricInfo, ranges: readonly EventRange[]): string | null {
  if (ranges.length === 0) return null;
  return `The speed layer alone counts the time ${ranges.map(rangeText).join(" and ")} UTC, ` +
    `finer than the grain of ${
      spanText(info.grain_seconds)
    }. An event that was sent again counts ` +
    "twice there if the copies lie in two partitions or beyond the horizon.";
}

function rangeText({ from, to }: EventRange): string {
  return [from && `from ${instantText(from)}`, to && `up to ${instantText(to)}`]
    .filter(Boolean).join(" ");
}

/** The time of the newest event of a metric's topic, in milliseconds since 1970 UTC. */
export function newestOf(info: MetricInfo, status: Status | null): number {
  const partitions = status?.topics.find(({ topic }) => topic === info.topic)?.partitions ?? [];
  return Math.max(0, ...partitions.map(({ watermark }) => Date.parse(watermark ?? "") || 0));
}

/** The day a year before an instant: from then on a metric is shown that cannot be for all time. */
export const yearBefore = (ms: number): number =>
  Math.max(0, Math.floor((ms - YEAR_MS) / DAY_MS) * DAY_MS);

/** An hour where events are new; everything where they are not. */
const usualRange = (newestMs: number) => Date.now() - newestMs < DAY_MS ? "1h" : "all";

/** Reads the data of a view. A part that fails has a fault, and takes no other part with it. */
export async function readMetric(
  services: Services,
  info: MetricInfo,
  view: View,
  status: Status | null,
  signal: AbortSignal,
): Promise<MetricData> {
  const asked = await readParts(services, info, view, signal);
  const { nearest } = asked;
  const shown = { ...view, ...nearest };
  const parts = nearest === null ? asked : await readParts(services, info, shown, signal);
  return {
    from: shown.from,
    to: shown.to,
    coverage: coverageOf(info, shown, nearest !== null),
    ...await dataOf(services, info, status, parts, signal),
  };
}

type Parts = Awaited<ReturnType<typeof readParts>>;

/**
 * Chart and rows of a view, and the keys that its search found; and the nearest range that can be
 * answered where that of the view cannot.
 */
async function readParts(services: Services, info: MetricInfo, view: View, signal: AbortSignal) {
  const at = new Date().toISOString();
  const wrong = view.fault === null ? null : Promise.reject(view.fault);
  const found = await outcomeOf(wrong ?? foundKeys(services, info, view, signal), signal);
  const partOf = <Answer>({ parameter, ...outcome }: Outcome<Answer>): Part<Answer> => {
    const isSearched = info.keys.some(({ name }) => name === parameter) && view.search !== "";
    return { ...outcome, without: withoutOf(view.url, isSearched ? "q" : parameter), at };
  };
  const keys = found.answer?.keys ?? null;
  let nearest: EventRange | null = null;
  const part = async <Answer>(asked: () => Promise<Answer>): Promise<Part<Answer>> => {
    if (found.fault !== null) return partOf<Answer>({ ...found, answer: null });
    const noted = asked().catch((error) => {
      if (error instanceof UnansweredRangeError) nearest = error.nearest;
      throw error;
    });
    return partOf(await outcomeOf(noted, signal));
  };
  const rows = await part(() => readRows(services, info, view, keys, signal));
  const charted = keys === null || keys.length === 1 ? keys : keysOf(info, rows.answer);
  const series = info.series_measures.length === 0
    ? { answer: null, fault: null, at }
    : await part(() => readSeries(services, info, view, charted, signal));
  const matching = rows.answer === null || found.answer === null
    ? null
    : (await outcomeOf(countRows(services, info, view, found.answer, rows.answer, signal), signal))
      .answer;
  return { at, keys, rows, series, matching, nearest: nearest as EventRange | null };
}

async function dataOf(
  services: Services,
  info: MetricInfo,
  status: Status | null,
  { at, keys, rows, series, matching }: Parts,
  signal: AbortSignal,
): Promise<Omit<MetricData, "from" | "to" | "coverage">> {
  const named = [
    ...(rows.answer === null ? [] : [rows.answer]),
    {
      columns: [],
      rows: series.answer?.series.flatMap(({ key }) => key === null ? [] : [key]) ?? [],
    },
  ];
  return {
    at,
    series,
    changes: series.answer === null
      ? null
      : (await outcomeOf(changesOf(services, info, series.answer), signal)).answer,
    rows,
    speedRanges: speedRangesOf(
      info,
      series.answer?.speed_ranges ?? rows.answer?.speed_ranges ?? [],
    ),
    ...await namedBy(services, named, signal).catch(() => ({ names: {}, catalogs: [] })),
    state: status?.plugins.find(({ plugin }) => plugin === info.name) ?? null,
    problems: rows.answer?.problems ??
      (status?.problems ?? []).filter((problem) =>
        [problem, ...problem.affects ?? []].some(({ plugin, topic }) =>
          plugin === undefined ? topic === info.topic : plugin === info.name
        )
      ),
    matching,
    filter: keys,
  };
}

/** Where a page reads its data again. */
export function dataUrlOf(view: View, url: URL): string {
  // An invalid parameter stays, so that its fault is shown again.
  const shown = view.fault === null
    ? linkWith(url, { range: view.range, layer: view.layer })
    : url.search;
  return `${url.pathname}/data${new URL(shown, url).search}`;
}
