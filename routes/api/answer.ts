/** Answers: as JSON or CSV, whichever was asked for, and only where they are not known already. */
import type { Context } from "hono";
import { accepts } from "hono/accepts";
import { createHash } from "node:crypto";
import { csvOf } from "./csv.ts";
import { Problem } from "./problem.ts";
import type { Route } from "./route.ts";

const JSON_TYPE = "application/json";
const CSV_TYPE = "text/csv";

/** The name of the parameter that chooses a format. */
export const FORMAT_PARAMETER = "format";

/** The format that a request asks for; `format` wins over Accept. */
export function formatOf(c: Context, route: Route): "json" | "csv" {
  if (route.table === null) return "json";
  const asked = c.req.query(FORMAT_PARAMETER);
  if (asked === "json" || asked === "csv") return asked;
  if (asked !== undefined) {
    const detail = `format must be json or csv, got ${JSON.stringify(asked.slice(0, 80))}`;
    throw new Problem("invalid-request", detail, { field: FORMAT_PARAMETER });
  }
  const header = { header: "Accept", supports: [JSON_TYPE, CSV_TYPE], default: JSON_TYPE } as const;
  return accepts(c, { ...header, supports: [...header.supports] }) === CSV_TYPE ? "csv" : "json";
}

/** A value as JSON text; bigints become strings. */
export function jsonText(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, member) => typeof member === "bigint" ? String(member) : member,
  );
}

/** A handler's value as the response that the request asked for. */
export function answerOf(c: Context, route: Route, value: unknown): Response {
  if (value instanceof Response) return value;
  const format = formatOf(c, route);
  const text = format === "csv" ? csvOf(route.table!(value)) : jsonText(value);
  const headers = new Headers({
    "content-type": format === "csv" ? `${CSV_TYPE}; charset=utf-8` : `${JSON_TYPE}; charset=utf-8`,
  });
  if (route.table !== null) headers.set("vary", "Accept");
  const next = (value as { next?: string | null }).next;
  if (format === "csv" && typeof next === "string") headers.set("link", linkTo(c, next));
  if (route.cache === "no-store") return new Response(text, { headers });
  const etag = `W/"${createHash("sha256").update(text).digest("base64url").slice(0, 22)}"`;
  headers.set("etag", etag);
  if (isKnown(c.req.header("if-none-match"), etag)) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(text, { headers });
}

/** The next page, for answers that have no place for a cursor. */
function linkTo(c: Context, next: string): string {
  const url = new URL(c.req.url);
  url.searchParams.set("after", next);
  return `<${url.pathname}${url.search}>; rel="next"`;
}

function isKnown(header: string | undefined, etag: string): boolean {
  const known = header?.split(",").map((each) => each.trim()) ?? [];
  return known.some((each) => each === "*" || each.replace(/^(W\/)?/, "W/") === etag);
}
