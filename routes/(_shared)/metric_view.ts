/** The data of a metric's page, for the page and for its updates. */
import { HttpError } from "fresh";
import { instantText, spanText } from "../(_parts)/figures.ts";
import type { MetricData, Part } from "../(_parts)/metric_data.ts";
import type {
  EventRange,
  Layer,
  MetricAnswer,
  MetricInfo,
  MetricQuery,
  SeriesAnswer,
  SeriesQuery,
  Services,
  Status,
} from "../../runtime/ports/services.ts";
import { UnansweredRangeError } from "../../runtime/std/errors.ts";
import { outcomeOf } from "./define.ts";
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
const PAGE_ROWS = 25;
const MOST_POINTS = 400;
/** The most catalog entries that a search matches. */
const MOST_FOUND = 25;
/** The most matches that have a line in the chart. */
const MOST_FOUND_LINES = 6;

/** A metric's question, read from a URL, with defaults for what it leaves out. */
export interface View {
  readonly range: string;
  readonly layer: Layer;
  /** From and to as the questions have them; null where open. */
  readonly from: string | null;
  readonly to: string | null;
  /** How far back from now; null where the time is custom or all. */
  readonly spanSeconds: number | null;
  /** When the span ends, ISO 8601: pages of rows are of one range. */
  readonly until: string;
  /** What its times are rounded to: the window or the grain. */
  readonly stepSeconds: number;
  /** Whether a custom time had to be widened to these steps. */
  readonly widened: boolean;
  readonly bucket: string;
  readonly measure: string;
  /** How many keys have a line of their own; none for one line over all. */
  readonly top: string;
  readonly search: string;
  readonly order: string;
  readonly after: string;
}

const layers = ["merged", "batch", "speed"] as const;

/**
 * Reads a view. Columns, buckets and numbers are left to the service, which says what is wrong.
 *
 * @throws {HttpError} 400 for an unknown range or layer.
 */
export function viewOf(params: URLSearchParams, info: MetricInfo, status: Status | null): View {
  const text = (name: string) => (params.get(name) ?? "").slice(0, 500);
  const oneOf = <T extends string>(name: string, values: readonly T[]): T | null => {
    if (text(name) === "") return null;
    const found = values.find((value) => value === text(name));
    if (found !== undefined) return found;
    const wanted = values.join(", ");
    throw new HttpError(400, `${name} must be one of ${wanted}, got ${JSON.stringify(text(name))}`);
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
    const ms = Date.parse(/Z$|[+-]\d\d:?\d\d$/i.test(text(name)) ? text(name) : `${text(name)}Z`);
    return Number.isNaN(ms) ? null : ms;
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
    measure: text("measure") ||
      (info.series_measures.includes(sort) ? sort : info.series_measures[0] ?? ""),
    top: text("top"),
    search: text("q").trim(),
    order: text("order") || info.sort,
    after: text("after"),
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

/** The ranges that an answer counts from windows, in words; null where there are none. */
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
  const found = await outcomeOf(foundKeys(services, info, view.search, signal), signal);
  const keys = found.answer?.keys ?? null;
  let nearest: EventRange | null = null;
  const part = async <Answer>(asked: () => Promise<Answer>): Promise<Part<Answer>> => {
    if (found.fault !== null) return { answer: null, fault: found.fault, at };
    const noted = asked().catch((error) => {
      if (error instanceof UnansweredRangeError) nearest = error.nearest;
      throw error;
    });
    return { ...await outcomeOf(noted, signal), at };
  };
  const rows = await part(() => readRows(services, info, view, keys, signal));
  const charted = keys === null || keys.length === 1 ? keys : keysOf(info, rows.answer);
  const series = info.series_measures.length === 0
    ? { answer: null, fault: null, at }
    : await part(() => readSeries(services, info, view, charted, signal));
  return { at, found, keys, rows, series, nearest: nearest as EventRange | null };
}

async function dataOf(
  services: Services,
  info: MetricInfo,
  status: Status | null,
  { at, found, keys, rows, series }: Parts,
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
    matches: keys?.length ?? null,
    moreMatches: found.answer?.more ?? false,
  };
}

/** The series over all keys or of the found keys. */
async function readSeries(
  { serving }: Services,
  info: MetricInfo,
  view: View,
  keys: Keys,
  signal: AbortSignal,
): Promise<SeriesAnswer> {
  const question: SeriesQuery = {
    ...definedOf({ layer: view.layer, from: view.from, to: view.to, bucket: view.bucket }),
    ...definedOf({ measure: view.measure, top: keys === null ? view.top : "" }),
    max_points: String(MOST_POINTS),
    keys: keys?.[0] ?? {},
  };
  const all = await serving.series(info.name, question, signal);
  if (keys === null || keys.length === 1) return all;
  const { time, end, bucket } = all;
  if (keys.length === 0 || end === null) return { ...all, series: [] };
  // A line for each key, in the buckets of the whole.
  const buckets = {
    from: view.from ?? isoOf(time[0]),
    to: view.to ?? isoOf(end),
    bucket: bucket!,
  };
  const lines = await Promise.all(
    keys.slice(0, MOST_FOUND_LINES).map(async (key) => {
      const one = await serving.series(info.name, { ...question, ...buckets, keys: key }, signal);
      return { ...one.series[0], key };
    }),
  );
  return { ...all, series: lines };
}

const isoOf = (seconds: number) => new Date(seconds * 1000).toISOString();

function rowQueryOf(view: View): MetricQuery {
  const { layer, from, to, order, after } = view;
  return {
    ...definedOf({ layer, from, to, order, after, limit: String(PAGE_ROWS) }),
    keys: {},
  };
}

async function readRows(
  { serving }: Services,
  info: MetricInfo,
  view: View,
  keys: Keys,
  signal: AbortSignal,
): Promise<MetricAnswer> {
  const question = rowQueryOf(view);
  if (keys === null) return await serving.query(info.name, question, signal);
  if (keys.length === 0) {
    const none = await serving.query(info.name, { ...question, limit: "1" }, signal);
    return { ...none, rows: [], next: null };
  }
  const answers = await Promise.all(
    keys.map((each) => serving.query(info.name, { ...question, keys: each }, signal)),
  );
  const rows = answers.flatMap(({ rows }) => [...rows]).sort(byColumn(view.order));
  return { ...answers[0], rows, next: null };
}

/** Orders rows by a column, nulls last. */
function byColumn(order: string) {
  const column = order.replace(/^-/, "");
  const direction = order.startsWith("-") ? -1 : 1;
  return (a: MetricAnswer["rows"][number], b: MetricAnswer["rows"][number]) => {
    const [x, y] = [a[column] ?? null, b[column] ?? null];
    if (x === y) return 0;
    if (x === null || y === null) return x === null ? 1 : -1;
    return x < y ? -direction : direction;
  };
}

type KeyFilters = readonly Readonly<Record<string, string>>[];

/** Key filters that a search stands for; null where nothing is searched for. */
type Keys = KeyFilters | null;

/** The keys of rows, as filters. */
const keysOf = ({ keys }: MetricInfo, answer: MetricAnswer | null): KeyFilters =>
  (answer?.rows ?? []).map((row) =>
    Object.fromEntries(keys.map(({ name }) => [name, String(row[name])]))
  );

/**
 * A key itself, or the keys of the first entries of a catalog that have the words, and whether there
 * are more.
 */
async function foundKeys(
  { catalogs }: Services,
  info: MetricInfo,
  search: string,
  signal: AbortSignal,
): Promise<{ readonly keys: Keys; readonly more: boolean }> {
  if (search === "") return { keys: null, more: false };
  const [key] = info.keys;
  const known = key.type === "uint32" && !/^\d+$/.test(search)
    ? (await catalogs.list(signal)).find(({ columns }) => columns[0].name === key.name)
    : undefined;
  if (known === undefined) return { keys: [{ [key.name]: search }], more: false };
  const query = { search, limit: String(MOST_FOUND) };
  const { items, next } = await catalogs.get(known.name, query, signal);
  return {
    keys: items.map((item) => ({ [key.name]: String(item[key.name]) })),
    more: next !== null,
  };
}

/** The entries that have a text. */
function definedOf(
  given: Readonly<Record<string, unknown>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => typeof value === "string" && value !== ""),
  ) as Record<string, string>;
}

/** The question that a page follows to learn of changes, and where it then reads its data. */
export function urlsOf(info: MetricInfo, view: View, url: URL): { live: string; data: string } {
  // Of whole grains, which are always answered: it only has to change when the page does.
  const grainMs = info.grain_seconds * 1000;
  const from = view.from &&
    new Date(Math.floor(Date.parse(view.from) / grainMs) * grainMs).toISOString();
  const followed = definedOf({ layer: view.layer, from, limit: "1" });
  const shown = linkWith(url, { range: view.range, layer: view.layer });
  return {
    live: `/api/v1/metrics/${info.name}/live?${new URLSearchParams(followed)}`,
    data: `${url.pathname}/data${new URL(shown, url).search}`,
  };
}

/**
 * A link to the same page with some of its parameters changed; null takes one away. Back on the first
 * page of rows a span ends now.
 */
export function linkWith(url: URL, changes: Readonly<Record<string, string | null>>): string {
  const params = new URLSearchParams(url.search);
  if (changes.after === null) params.delete("until");
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) params.delete(name);
    else params.set(name, value);
  }
  return `?${params}`;
}
