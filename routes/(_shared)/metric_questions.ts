/** What a metric's page asks: its rows, how many there are, and the lines of its chart. */
import type {
  Layer,
  MetricAnswer,
  MetricInfo,
  MetricQuery,
  SeriesAnswer,
  SeriesQuery,
  Services,
} from "../../runtime/ports/services.ts";
import { UserError } from "../../runtime/std/errors.ts";
import { MOST_LINES, readKey } from "../(_parts)/key_text.ts";

const PAGE_ROWS = 25;
const MOST_POINTS = 400;
/** The most catalog entries that a search matches. */
const MOST_FOUND = 25;

/** A metric's question, read from a URL, with defaults for missing parameters. */
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
  /** The time zone of the chart's buckets; empty for UTC. */
  readonly tz: string;
  readonly measure: string;
  /** How many keys have a line of their own; none for one line over all. */
  readonly top: string;
  readonly search: string;
  /** Values of key columns that the page is filtered by. */
  readonly keys: Readonly<Record<string, string>>;
  /** Keys that are compared in the chart; see `keyText()`. */
  readonly compare: readonly string[];
  readonly order: string;
  readonly after: string;
  /** The URL that it was read from. */
  readonly url: { readonly search: string };
  /** The fault of its parameters; null without one. */
  readonly fault: UserError | null;
}

/**
 * The lines of the chart: one for each key that is compared or was found; of one that was found, and
 * of everything, the whole with its parts.
 *
 * @throws {UserError} where a key to compare does not fit the metric's key columns.
 */
export async function readSeries(
  { serving }: Services,
  info: MetricInfo,
  view: View,
  found: Keys,
  signal: AbortSignal,
): Promise<SeriesAnswer> {
  const compared = view.compare.slice(0, MOST_LINES).map((text) => comparedKey(info, text));
  const keys = compared.length > 0 ? compared : found;
  const only = compared.length === 0 && keys?.length === 1 ? keys[0] : null;
  const question: SeriesQuery = {
    ...definedOf({ layer: view.layer, from: view.from, to: view.to, bucket: view.bucket }),
    ...definedOf({ tz: view.tz }),
    ...definedOf({ measure: view.measure, top: keys === null ? view.top : "" }),
    max_points: String(MOST_POINTS),
    keys: only ?? {},
  };
  const all = await serving.series(info.name, question, signal);
  if (keys === null || only !== null) return all;
  const { time, end, bucket } = all;
  if (keys.length === 0 || end === null) return { ...all, series: [] };
  // A line for each key, in the buckets of the whole.
  const buckets = {
    from: view.from ?? isoOf(time[0]),
    to: view.to ?? isoOf(end),
    bucket: bucket!,
  };
  const lines = await Promise.all(
    keys.slice(0, MOST_LINES).map(async (key) => {
      const one = await serving.series(info.name, { ...question, ...buckets, keys: key }, signal);
      return { ...one.series[0], key };
    }),
  );
  return { ...all, series: lines };
}

function comparedKey({ keys }: MetricInfo, text: string): Readonly<Record<string, string>> {
  const names = keys.map(({ name }) => name);
  const key = readKey(names, text);
  if (key !== null) return key;
  const wanted = `a JSON array of ${names.join(", ")} as texts`;
  throw new UserError(`chart_key must be ${wanted}, got ${JSON.stringify(text.slice(0, 80))}`, {
    field: "chart_key",
  });
}

const isoOf = (seconds: number) => new Date(seconds * 1000).toISOString();

function rowQueryOf(view: View): MetricQuery {
  const { layer, from, to, order, after } = view;
  return {
    ...definedOf({ layer, from, to, order, after, limit: String(PAGE_ROWS) }),
    keys: {},
  };
}

/** The rows of a page, or all rows of the keys that were found. */
export async function readRows(
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
export const keysOf = ({ keys }: MetricInfo, answer: MetricAnswer | null): KeyFilters =>
  (answer?.rows ?? []).map((row) =>
    Object.fromEntries(keys.map(({ name }) => [name, String(row[name])]))
  );

/**
 * The keys that the page is filtered by: those that its URL names by their columns, a key that is
 * searched for, or the keys of the first entries of a catalog that have the words, and whether there
 * are more.
 */
export async function foundKeys(
  { catalogs }: Services,
  info: MetricInfo,
  { keys: named, search }: View,
  signal: AbortSignal,
): Promise<{ readonly keys: Keys; readonly more: boolean }> {
  const [key] = info.keys;
  if (search === "" || Object.hasOwn(named, key.name)) {
    return { keys: Object.keys(named).length === 0 ? null : [named], more: false };
  }
  const known = key.type === "uint32" && !/^\d+$/.test(search)
    ? (await catalogs.list(signal)).find(({ columns }) => columns[0].name === key.name)
    : undefined;
  if (known === undefined) return { keys: [{ ...named, [key.name]: search }], more: false };
  const query = { search, limit: String(MOST_FOUND) };
  const { items, next } = await catalogs.get(known.name, query, signal);
  return {
    keys: items.map((item) => ({ ...named, [key.name]: String(item[key.name]) })),
    more: next !== null,
  };
}

/**
 * How many rows a page's question has on all of its pages.
 *
 * @param more whether a search found more keys than it gives: then that is not known.
 */
export async function countRows(
  { serving }: Services,
  info: MetricInfo,
  view: View,
  { keys, more }: { readonly keys: Keys; readonly more: boolean },
  answer: MetricAnswer,
  signal: AbortSignal,
): Promise<number | null> {
  if (more) return null;
  if (answer.next === null && view.after === "") return answer.rows.length;
  return await serving.count(info.name, { ...rowQueryOf(view), keys: keys?.[0] ?? {} }, signal);
}

/** The entries that have a text. */
export function definedOf(
  given: Readonly<Record<string, unknown>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => typeof value === "string" && value !== ""),
  ) as Record<string, string>;
}
