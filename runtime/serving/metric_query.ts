/** A question as text, validated into a typed one: every fault names the field and what is allowed. */
import { UserError } from "../std/errors.ts";
import { type Cut, decodeFrontier } from "../model/frontier.ts";
import { type KeyColumn, parameters, type Plugin } from "../plugin.ts";
import {
  decodeCursor,
  type Fits,
  isText,
  placesOf,
  type Scalar,
  wholeUpTo,
} from "../std/page_cursor.ts";
import type { ZoneOffsets } from "../expressions/time_zone.ts";
import type { Layer, MetricQuery } from "../ports/services.ts";
import { quoted } from "../std/quoted.ts";
import { pageLimit } from "../std/whole_number.ts";
import { type CoveredRange, coveredRange } from "./grain_ranges.ts";
import { isoOfSeconds, readInstant } from "./instant.ts";
import {
  answerColumns,
  bucketsOf,
  layers,
  needsFrom,
  stepSeconds,
  timeColumns,
  type TypedBucket,
} from "./metric_info.ts";
import { type Comparison, readComparison } from "./comparison.ts";
import { readWidth } from "./local_buckets.ts";
import { checkSteps, zoneOf } from "./question_zone.ts";

/** One term of an order. */
export interface OrderTerm {
  readonly column: string;
  readonly descending: boolean;
}

/** A key column's value in a question. */
export type KeyValue = string | number;

/** A validated question. Its range is in seconds since 1970 UTC. */
export interface TypedQuery extends CoveredRange {
  readonly layer: Layer;
  readonly bucket: TypedBucket;
  readonly zone: ZoneOffsets;
  readonly keys: readonly { readonly column: KeyColumn; readonly value: KeyValue }[];
  /** Whole keys, of which any may be a row's; null: all that `keys` leaves. */
  readonly anyOf: {
    readonly columns: readonly KeyColumn[];
    readonly keys: readonly (readonly KeyValue[])[];
  } | null;
  /**
   * Total: ends with every key and time column, so that an answer has one order only. Empty: all
   * rows in any order, whatever the limit.
   */
  readonly order: readonly OrderTerm[];
  readonly limit: number;
  /** The values of the order's columns in the row behind which the answer begins. */
  readonly after: readonly Scalar[] | null;
  readonly waitFor: Cut | null;
}

/** A validated question with what its answer has beside the rows of one range. */
export interface TypedQuestion extends TypedQuery {
  readonly compare: Comparison | null;
  /** What its cursors belong to: the question without its page and without what it waits for. */
  readonly question: unknown;
}

const DEFAULT_LIMIT = 100;

/**
 * Validates a question to a plugin's metric.
 *
 * @param maxLimit the greatest `limit` allowed.
 * @throws {UserError} naming the field, what is allowed and what came.
 */
export function readMetricQuery(
  plugin: Plugin,
  query: MetricQuery,
  maxLimit: number,
): TypedQuestion {
  const layer = layerOf(plugin, query.layer);
  const zone = zoneOf(plugin, query.tz);
  const named = oneOf(plugin, "bucket", query.bucket ?? "all", bucketsOf(plugin, layer), layer);
  const { from, to } = rangeOf(plugin, layer, query);
  const bucket = named === "window" || named === "all" ? named : { ...readWidth(named)!, zone };
  if (typeof bucket === "object") checkSteps(plugin, layer, zone, { from, to });
  if (from === null && needsFrom(plugin)) throw fromNeeded(plugin);
  const keys = keysOf(plugin, query.keys);
  const order = orderOf(plugin, query.order, bucket);
  const compare = readComparison(plugin, layer, query.compare);
  const question = questionOf(plugin, { layer, bucket, zone, compare, from, to, keys, order });
  return {
    layer,
    bucket,
    zone,
    ...coveredRange(plugin, layer, bucket, { from, to }),
    keys,
    anyOf: null,
    order,
    limit: pageLimit(query.limit, {
      action: actionOf(plugin),
      most: maxLimit,
      otherwise: Math.min(DEFAULT_LIMIT, maxLimit),
    }),
    after: query.after === undefined
      ? null
      : decodeCursor(query.after, question, "after", positionOf(plugin, bucket, order)),
    waitFor: query.wait_for === undefined ? null : decodeFrontier(query.wait_for),
    compare,
    question,
  };
}

/** The `[from, to)` that a question names, in seconds since 1970 UTC; null where open. */
export function rangeOf(
  plugin: Plugin,
  layer: Layer,
  query: { readonly from?: string; readonly to?: string },
): { from: number | null; to: number | null } {
  const from = instantOf(plugin, "from", query.from, layer);
  const to = instantOf(plugin, "to", query.to, layer);
  if (from !== null && to !== null && from >= to) {
    throw fault(
      plugin,
      "to",
      `must be after from ${isoOfSeconds(from)}, got ${quoted(isoOfSeconds(to))}`,
    );
  }
  return { from, to };
}

function questionOf(
  plugin: Plugin,
  { layer, bucket, zone, compare, from, to, keys, order }: Omit<
    TypedQuestion,
    "grains" | "anyOf" | "limit" | "after" | "waitFor" | "question"
  >,
): unknown {
  const filters = keys.map(({ column, value }) => [column.name, value]);
  const { unit, count } = typeof bucket === "object" ? bucket : { unit: bucket, count: 1 };
  return [plugin.name, layer, unit, count, zone.zone, compare, from, to, filters, order];
}

/** What may stand in a cursor: values of the order's columns. */
function positionOf(plugin: Plugin, bucket: TypedBucket, order: readonly OrderTerm[]) {
  const types = new Map(answerColumns(plugin, bucket).map(({ name, type }) => [name, type]));
  return placesOf(...order.map(({ column }): Fits => {
    const fits = fitsType[types.get(column)!] ?? isText;
    return (value) => value === null || fits(value);
  }));
}

const isNumber: Fits = (value) => typeof value === "number";
/** By the type of a column; what is not here is a text. */
const fitsType: Readonly<Record<string, Fits>> = {
  instant: (value) => isText(value) && readInstant(String(value)) !== null,
  uint32: wholeUpTo(2n ** 32n - 1n),
  boolean: (value) => typeof value === "boolean",
  integer: isNumber,
  decimal: isNumber,
  number: isNumber,
};

/** What cannot be done where a question is at fault. */
export const actionOf = (plugin: Plugin) => `Cannot query metric "${plugin.name}"`;

/** A fault of a question to a plugin's metric. */
export function fault(plugin: Plugin, field: string, what: string): UserError {
  return new UserError(`${actionOf(plugin)}: ${field} ${what}`, { field });
}

/** The fault of a question without a beginning to what has no all-time roll-up. */
export const fromNeeded = (plugin: Plugin): UserError =>
  fault(plugin, "from", "must be given: sessions are counted from an instant on, not for all time");

/** The layer that a question names; merged by default. */
export function layerOf(plugin: Plugin, text: string | undefined): Layer {
  return oneOf(plugin, "layer", text ?? "merged", layers);
}

function oneOf<T extends string>(
  plugin: Plugin,
  field: string,
  value: string,
  allowed: readonly T[],
  layer?: Layer,
): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  const where = layer === undefined ? "" : ` for layer ${layer}`;
  throw fault(plugin, field, `must be one of ${allowed.join(", ")}${where}, got ${quoted(value)}`);
}

function instantOf(
  plugin: Plugin,
  field: "from" | "to",
  text: string | undefined,
  layer: Layer,
): number | null {
  if (text === undefined) return null;
  const instant = readInstant(text);
  if (instant === null) {
    throw fault(
      plugin,
      field,
      `must be an ISO 8601 instant from 1970 to 2105 such as 2013-07-20T08:00:00Z, got ${
        quoted(text)
      }`,
    );
  }
  const step = stepSeconds(plugin, layer);
  if (instant.ns !== 0 || instant.ms % (step * 1000) !== 0) {
    const what = `must lie on the ${layer} layer's ${layer === "batch" ? "grain" : "window"}`;
    throw fault(plugin, field, `${what} of ${step} s, got ${quoted(text)}`);
  }
  return instant.ms / 1000;
}

/** The key columns that a question filters by. */
export function keysOf(plugin: Plugin, keys: Readonly<Record<string, string>>): TypedQuery["keys"] {
  return Object.entries(keys).map(([name, text]) => {
    const column = plugin.keyColumns.find((key) => key.name === name);
    if (column === undefined) {
      const allowed = [...parameters.rows, ...plugin.keyColumns.map((key) => key.name)];
      throw new UserError(
        `Cannot query metric "${plugin.name}": unknown parameter ${quoted(name)}, allowed are ${
          allowed.join(", ")
        }`,
        { field: name },
      );
    }
    return { column, value: keyValue(plugin, column, text) };
  });
}

function keyValue(plugin: Plugin, { name, type }: KeyColumn, text: string): KeyValue {
  const wrong = (what: string) => fault(plugin, name, `must be ${what}, got ${quoted(text)}`);
  switch (type.kind) {
    case "uint32":
      if (!/^\d{1,10}$/.test(text) || Number(text) >= 2 ** 32) {
        throw wrong("a whole number in 0..4294967295");
      }
      return Number(text);
    case "enumeration":
      if (!type.values!.includes(text)) throw wrong(`one of ${type.values!.join(", ")}`);
      return text;
    case "boolean":
      if (text !== "true" && text !== "false") throw wrong("true or false");
      return text;
    default:
      return text;
  }
}

function orderOf(plugin: Plugin, text: string | undefined, bucket: TypedBucket): OrderTerm[] {
  const columns = answerColumns(plugin, bucket).map((column) => column.name);
  const time = timeColumns(bucket).slice(0, 1).map((column) => column.name);
  const term = (order: string): OrderTerm => ({
    column: order.replace(/^-/, ""),
    descending: order.startsWith("-"),
  });
  if (text !== undefined && !columns.includes(term(text).column)) {
    throw fault(
      plugin,
      "order",
      `must be one of ${columns.join(", ")}, descending with a leading -, got ${quoted(text)}`,
    );
  }
  const asked = text === undefined ? [...time, plugin.present.sort] : [text];
  const rest = [...time, ...plugin.keyColumns.map((key) => key.name)];
  const terms = [...asked, ...rest].map(term);
  return terms.filter((t, i) => terms.findIndex((other) => other.column === t.column) === i);
}
