/** Query parameters: each at most once. */
import type { Context } from "hono";
import type { MetricQuery, SeriesQuery } from "../../runtime/ports/services.ts";
import { Problem } from "./problem.ts";

/**
 * The query's parameters by name.
 *
 * @param allowed the known names. Default: any.
 * @throws {Problem} 400 naming a parameter that comes twice or is unknown.
 */
export function queryParams(c: Context, allowed?: readonly string[]): Record<string, string> {
  // Not an object that is filled by name: "__proto__" would be lost without a word.
  const params = new Map<string, string>();
  for (const [field, value] of new URL(c.req.url).searchParams) {
    if (allowed !== undefined && !allowed.includes(field)) {
      const names = allowed.length === 0 ? "none" : allowed.join(", ");
      const detail = `Unknown parameter ${JSON.stringify(field.slice(0, 80))}, allowed: ${names}`;
      throw new Problem("invalid-request", detail, { field });
    }
    if (params.has(field)) {
      throw new Problem("invalid-request", `${field} must come once, got it again`, { field });
    }
    params.set(field, value);
  }
  return Object.fromEntries(params);
}

/** The question to a metric that parameters ask; serving validates it. */
export function metricQuery(params: Readonly<Record<string, string>>): MetricQuery {
  const { layer, from, to, bucket, tz, compare, order, limit, after, expand, wait_for, ...keys } =
    params;
  return { layer, from, to, bucket, tz, compare, order, limit, after, expand, wait_for, keys };
}

/** The question for a series that parameters ask; serving validates it. */
export function seriesQuery(params: Readonly<Record<string, string>>): SeriesQuery {
  const { layer, from, to, bucket, tz, compare, measure, max_points, top, ...keys } = params;
  return { layer, from, to, bucket, tz, compare, measure, max_points, top, keys };
}

/**
 * A whole number from a parameter.
 *
 * @throws {Problem} 400 naming it.
 */
export function wholeNumber(
  field: string,
  text: string | undefined,
  range: { readonly from: number; readonly to: number; readonly otherwise: number },
): number {
  if (text === undefined) return range.otherwise;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (value >= range.from && value <= range.to) return value;
  const detail = `${field} must be a whole number in ${range.from}..${range.to}, got ${
    JSON.stringify(text.slice(0, 80))
  }`;
  throw new Problem("invalid-request", detail, { field });
}
