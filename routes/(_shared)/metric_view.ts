/** What a metric's page shows, as its URL says. */
import type { Again } from "../../islands/(_parts)/poll.ts";
import type { Names } from "../../islands/(_parts)/Rows.tsx";
import type { LiveRowsProps } from "../../islands/LiveRows.tsx";
import type {
  Layer,
  MetricAnswer,
  MetricInfo,
  MetricQuery,
  SeriesAnswer,
  SeriesQuery,
  Services,
  Status,
} from "../../runtime/ports/services.ts";
import { type Outcome, outcomeOf } from "./define.ts";
import { namesOf } from "./movie_example.ts";

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

/** Spans for which an hour is too coarse: the speed layer answers, unless another one is chosen. */
const FINE_SECONDS = 21_600;
const DAY_MS = 86_400_000;
const PAGE_ROWS = 25;
const MOST_POINTS = 400;
/** The most entries of a catalog that a search asks for. */
const MOST_FOUND = 25;

/** A metric's question, read from a URL. Whatever it leaves out is chosen to fit. */
export interface View {
  readonly range: string;
  readonly layer: Layer;
  /** From and to as the questions have them; null where open. */
  readonly from: string | null;
  readonly to: string | null;
  /** How far back from now; null where the time is custom or all. */
  readonly spanSeconds: number | null;
  readonly stepSeconds: number;
  readonly bucket: string;
  readonly measure: string;
  /** How many keys have a line of their own; none for one line over all. */
  readonly top: string;
  readonly search: string;
  readonly order: string;
  readonly after: string;
}

const grains: Readonly<Record<string, number>> = { hour: 3600, day: 86_400 };

/** Reads a view. What it cannot take is left to the service, which says what is wrong. */
export function viewOf(params: URLSearchParams, info: MetricInfo, status: Status | null): View {
  const text = (name: string) => (params.get(name) ?? "").slice(0, 500);
  const custom = text("from") !== "" || text("to") !== "";
  const asked = text("range");
  const range = custom
    ? "custom"
    : asked === "all" || Object.hasOwn(ranges, asked)
    ? asked
    : defaultRange(info, status);
  const span = ranges[range]?.seconds ?? null;
  const chosen = (["merged", "batch", "speed"] as const).find((each) => each === text("layer"));
  const layer = chosen ?? (span !== null && span <= FINE_SECONDS ? "speed" : "merged");
  const stepSeconds = layer === "speed" ? info.window_seconds : grains[info.grain] ?? 3600;
  const rounded = (ms: number) =>
    new Date(Math.floor(ms / 1000 / stepSeconds) * stepSeconds * 1000).toISOString();
  const instant = (name: string) => {
    const ms = Date.parse(/Z$|[+-]\d\d:?\d\d$/i.test(text(name)) ? text(name) : `${text(name)}Z`);
    return Number.isNaN(ms) ? null : rounded(ms);
  };
  const sort = info.sort.replace(/^-/, "");
  return {
    ...{ range, layer, spanSeconds: span, stepSeconds },
    from: span === null ? instant("from") : rounded(Date.now() - span * 1000),
    to: span === null ? instant("to") : rounded(Date.now() + stepSeconds * 1000),
    bucket: text("bucket"),
    measure: text("measure") || (info.measures.includes(sort) ? sort : info.measures[0]),
    top: text("top"),
    search: text("q").trim(),
    order: text("order") || info.sort,
    after: text("after"),
  };
}

/** An hour where events are new; everything where they are not. */
function defaultRange(info: MetricInfo, status: Status | null): string {
  const partitions = status?.topics.find(({ topic }) => topic === info.topic)?.partitions ?? [];
  const newest = Math.max(...partitions.map(({ watermark }) => Date.parse(watermark ?? "") || 0));
  return Date.now() - newest < DAY_MS ? "1h" : "all";
}

/** What the page shows. */
export interface MetricView {
  readonly series: Outcome<SeriesAnswer>;
  /** The batch layer's part, for the seam; null where there is none to show. */
  readonly batch: SeriesAnswer | null;
  readonly rows: Outcome<MetricAnswer>;
  readonly names: Names;
  readonly seriesAgain: Again;
  readonly rowsAgain: Again;
  /** What the rows' live question is; null where there are no rows. */
  readonly liveUrl: string | null;
  /** How the rows follow it. */
  readonly rowsBy: LiveRowsProps["rowsBy"];
  readonly limit: number;
}

/** Asks all that a view needs. */
export async function readMetric(
  services: Services,
  info: MetricInfo,
  view: View,
  signal: AbortSignal,
): Promise<MetricView> {
  const keys = await foundKeys(services, info, view.search, signal);
  const series = await readSeries(services, info, view, keys, signal);
  const rows = await outcomeOf(readRows(services, info, view, keys, signal), signal);
  const shown = [
    ...(rows.answer === null ? [] : [rows.answer]),
    {
      columns: [],
      rows: series.series.answer?.series.flatMap(({ key }) => key === null ? [] : [key]) ?? [],
    },
  ];
  const names = await namesOf(services, shown, signal).catch(() => ({}));
  const single = keys !== null && keys.length === 1;
  const metricUrl = `/api/v1/metrics/${info.name}`;
  const { keys: _keys, after: _after, from, to, ...shared } = rowQueryOf(view);
  const asked = { ...shared, ...(single ? keys[0] : {}) };
  const { spanSeconds, stepSeconds } = view;
  const rowsBy = view.after !== "" || (keys !== null && !single)
    ? "page"
    : spanSeconds === null
    ? "changes"
    : "again";
  // The end of a span moves on: only its beginning is fixed, and what is followed tells no more
  // than that there is news.
  const followed = rowsBy === "changes"
    ? { ...asked, from, to }
    : { layer: view.layer, from, limit: "1" };
  return {
    ...{ ...series, rows, names, rowsBy, limit: PAGE_ROWS },
    liveUrl: rows.answer === null ? null : `${metricUrl}/live?${paramsOf(followed)}`,
    rowsAgain: { url: `${metricUrl}?${paramsOf(asked)}`, spanSeconds, stepSeconds },
  };
}

async function readSeries(
  { serving }: Services,
  info: MetricInfo,
  view: View,
  keys: Keys,
  signal: AbortSignal,
) {
  const single = keys?.length === 1 ? keys[0] : {};
  const question: SeriesQuery = {
    ...definedOf({ layer: view.layer, from: view.from, to: view.to, bucket: view.bucket }),
    ...definedOf({ measure: view.measure, top: view.top }),
    ...{ max_points: String(MOST_POINTS), keys: single },
  };
  const series = await outcomeOf(serving.series(info.name, question, signal), signal);
  const { keys: _keys, from, to, ...shared } = question;
  const asked = view.spanSeconds === null ? { ...shared, from, to } : shared;
  const showsSeam = view.layer === "merged" && view.top === "" &&
    series.answer !== null && series.answer.time.length > 0;
  const batch = showsSeam
    ? await serving.series(info.name, {
      ...question,
      layer: "batch",
      from: isoOf(series.answer!.time[0]),
      to: isoOf(series.answer!.time.at(-1)! + series.answer!.bucket_seconds),
      bucket: `${series.answer!.bucket_seconds}second`,
    }, signal).catch(() => null)
    : null;
  const url = `/api/v1/metrics/${info.name}/series?${paramsOf({ ...asked, ...single })}`;
  const { spanSeconds, stepSeconds } = view;
  return { series, batch, seriesAgain: { url, spanSeconds, stepSeconds } };
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
  return { ...answers[0], rows: answers.flatMap(({ rows }) => rows), next: null };
}

/** Key filters that a search stands for; null where nothing is searched for. */
type Keys = readonly Readonly<Record<string, string>>[] | null;

/** A key itself, or the keys of the entries of a catalog that have the words. */
async function foundKeys(
  { catalogs }: Services,
  info: MetricInfo,
  search: string,
  signal: AbortSignal,
): Promise<Keys> {
  if (search === "") return null;
  const [key] = info.keys;
  if (key.type === "uint32" && !/^\d+$/.test(search)) {
    const known = (await catalogs.list(signal)).find(({ columns }) => columns[0].name === key.name);
    if (known === undefined) return [{ [key.name]: search }];
    const query = { search, limit: String(MOST_FOUND) };
    const { items } = await catalogs.get(known.name, query, signal);
    return items.map((item) => ({ [key.name]: String(item[key.name]) }));
  }
  return [{ [key.name]: search }];
}

/** The entries that have a text. */
function definedOf(
  given: Readonly<Record<string, unknown>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => typeof value === "string" && value !== ""),
  ) as Record<string, string>;
}

const paramsOf = (given: Readonly<Record<string, unknown>>) =>
  new URLSearchParams(definedOf(given));

/** A link to the same page with some of its parameters changed; null takes one away. */
export function linkWith(url: URL, changes: Readonly<Record<string, string | null>>): string {
  const params = new URLSearchParams(url.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) params.delete(name);
    else params.set(name, value);
  }
  return params.size === 0 ? url.pathname : `${url.pathname}?${params}`;
}
