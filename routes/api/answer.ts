/** Answers: as JSON or CSV, whichever was asked for, and only where they are not known already. */
import type { Context } from "hono";
import { accepts } from "hono/accepts";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { EventRange } from "../../runtime/ports/services.ts";
import { moreRowsLine } from "../../runtime/std/csv.ts";
import { csvOf } from "./csv.ts";
import { Problem } from "./problem.ts";
import type { Route } from "./route.ts";

const JSON_TYPE = "application/json";
const CSV_TYPE = "text/csv";

/** The header of CSV that has fewer rows than there are; its last line says so too. */
export const TRUNCATED_HEADER = "x-twofold-truncated";

/** The header of CSV whose answer has problems: their codes, with commas between. */
export const PROBLEMS_HEADER = "x-twofold-problems";

/** The header of CSV with `speed_ranges`, as `FROM/TO` with commas between; `..` is open. */
export const SPEED_RANGES_HEADER = "x-twofold-speed-ranges";

/** The name of the parameter that chooses a format. */
export const FORMAT_PARAMETER = "format";

/** The format that a request asks for; `format` wins over Accept. */
export function formatOf(c: Context, route: Pick<Route, "table">): "json" | "csv" {
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

/** A body as it is sent, made once for all who are given the same value. */
interface Body {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly etag: string;
  gzip: Uint8Array<ArrayBuffer> | null;
}

/** Values are shared by those who ask the same at once, and never change. */
const bodies = { json: new WeakMap<object, Body>(), csv: new WeakMap<object, Body>() };

/** Bodies of this size are compressed here; longer ones by a stream, which holds nobody up. */
const COMPRESSED_BYTES = { from: 1024, below: 65_536 };

/** A handler's value as the response that the request asked for. */
export function answerOf(c: Context, route: Route, value: unknown): Response {
  if (value instanceof Response) return value;
  const format = formatOf(c, route);
  const body = bodyOf(route, format, value as object);
  const headers = new Headers({
    "content-type": format === "csv" ? `${CSV_TYPE}; charset=utf-8` : `${JSON_TYPE}; charset=utf-8`,
  });
  if (route.table !== null) headers.set("vary", "Accept");
  const { next = null, problems = [], speed_ranges = [] } = value as Shown;
  if (format === "csv" && next !== null) headers.set("link", linkTo(c, next));
  if (format === "csv" && isCut(value as Shown)) headers.set(TRUNCATED_HEADER, "true");
  if (format === "csv" && problems.length > 0) {
    headers.set(PROBLEMS_HEADER, [...new Set(problems.map(({ code }) => code))].join(", "));
  }
  if (format === "csv" && speed_ranges.length > 0) {
    const ranges = speed_ranges.map(({ from, to }) => `${from ?? ".."}/${to ?? ".."}`);
    headers.set(SPEED_RANGES_HEADER, ranges.join(", "));
  }
  if (route.cache !== "no-store") {
    headers.set("etag", body.etag);
    if (isKnown(c.req.header("if-none-match"), body.etag)) {
      return new Response(null, { status: 304, headers });
    }
  }
  return new Response(encoded(c, body, headers), { headers });
}

/** What JSON has beside the rows, and CSV tells by headers. */
interface Shown {
  readonly next?: string | null;
  readonly truncated?: boolean;
  readonly problems?: readonly { readonly code: string }[];
  readonly speed_ranges?: readonly EventRange[];
}

const isCut = ({ next = null, truncated = false }: Shown) => next !== null || truncated;

/** A table as CSV, which says where it ends before the last row. */
function csvText(route: Route, value: object): string {
  const text = csvOf(route.table!(value));
  const { next = null } = value as Shown;
  if (!isCut(value)) return text;
  return text + moreRowsLine(next === null ? null : `ask for them with after=${next}`);
}

function bodyOf(route: Route, format: "json" | "csv", value: object): Body {
  const known = bodies[format].get(value);
  if (known !== undefined) return known;
  const text = format === "csv" ? csvText(route, value) : jsonText(value);
  const hash = createHash("sha256").update(text).digest("base64url").slice(0, 22);
  const body = { bytes: new TextEncoder().encode(text), etag: `W/"${hash}"`, gzip: null };
  bodies[format].set(value, body);
  return body;
}

/** The bytes to send, with the headers that tell of them. */
function encoded(c: Context, body: Body, headers: Headers): Uint8Array<ArrayBuffer> {
  const { from, below } = COMPRESSED_BYTES;
  const { length } = body.bytes;
  const compresses = length >= from && length < below &&
    accepts(c, { header: "Accept-Encoding", supports: ["gzip"], default: "identity" }) === "gzip";
  if (compresses) {
    headers.set("content-encoding", "gzip");
    headers.append("vary", "Accept-Encoding");
    body.gzip ??= gzipSync(body.bytes, { level: 1 }) as Uint8Array<ArrayBuffer>;
  }
  const bytes = compresses ? body.gzip! : body.bytes;
  headers.set("content-length", String(bytes.length));
  return bytes;
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
