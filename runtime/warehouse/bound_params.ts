/** Values of `{name:Type}` as ClickHouse reads them. */
import { TupleParam } from "@clickhouse/client";

/**
 * A value as text for ClickHouse's parameter parser: escaped at the top, quoted inside arrays.
 *
 * @throws TypeError for a value that no ClickHouse type reads.
 * @example
 * ```ts
 * import { formatParam } from "./bound_params.ts";
 * if (formatParam(["it's"]) !== `['it\\'s']`) throw new Error("unexpected");
 * ```
 */
export function formatParam(value: unknown): string {
  if (value === null || value === undefined) return "\\N";
  if (typeof value === "string") return escape(value);
  if (typeof value === "boolean") return value ? "1" : "0";
  return formatInner(value);
}

function formatInner(value: unknown): string {
  if (value === null || value === undefined) return "NULL";
  switch (typeof value) {
    case "string":
      return `'${escape(value)}'`;
    case "boolean":
      return value ? "TRUE" : "FALSE";
    case "bigint":
      return String(value);
    case "number":
      return Number.isNaN(value) ? "nan" : String(value).replace("Infinity", "inf");
  }
  if (Array.isArray(value)) return `[${value.map(formatInner).join(",")}]`;
  if (value instanceof TupleParam) return `(${value.values.map(formatInner).join(",")})`;
  if (value instanceof Date) return unixText(value.getTime(), 3);
  if (typeof value === "object") {
    const entries = value instanceof Map ? [...value] : Object.entries(value);
    return `{${entries.map((entry) => entry.map(formatInner).join(":")).join(",")}}`;
  }
  throw new TypeError(
    `Cannot bind a parameter: expected text, a number or a list, got ${typeof value}`,
  );
}

/** `'` is escaped outside quotes also: the parser takes it either way. */
function escape(text: string): string {
  return text.replace(/[\\'\t\n\r\0]/g, (char) => ESCAPES[char]);
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "'": "\\'",
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
  "\0": "\\0",
};

/**
 * An instant as seconds with a fraction. ClickHouse reads fewer than ten digits as parts of a date,
 * hence the zeros.
 */
function unixText(ticks: number | bigint, scale: number): string {
  const digits = String(BigInt(ticks) < 0n ? -BigInt(ticks) : BigInt(ticks)).padStart(
    10 + scale,
    "0",
  );
  const sign = BigInt(ticks) < 0n ? "-" : "";
  if (scale === 0) return sign + digits;
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** `{name:Type}` where the type has a DateTime or DateTime64(scale) in it. */
const DATE_PARAM = /\{\s*(\w+)\s*:[^{}]*?\bDateTime(?:64\(\s*(\d+)[^{}]*?\)|32)?[^{}]*\}/g;

const ISO_INSTANT = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/i;

/**
 * Makes date parameters mean the same whatever their size and the time zones involved: text with Z
 * or an offset (which ClickHouse's parameter parser refuses) and numbers (which it reads as seconds
 * or as ticks, by their digits) become seconds since 1970. A number counts ticks of the type:
 * milliseconds for DateTime64(3), seconds for DateTime. Text without a zone is left as it is.
 *
 * @returns the parameters to bind.
 * @example
 * ```ts
 * import { bindDates } from "./bound_params.ts";
 * const { from } = bindDates("SELECT {from:DateTime64(3)}", { from: "2024-01-01T00:00:00.5Z" });
 * if (from !== "1704067200.500") throw new Error("unexpected");
 * ```
 */
export function bindDates(
  sql: string,
  params: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const bound: Record<string, unknown> = { ...params };
  for (const [text, name, scaleDigits] of sql.matchAll(DATE_PARAM)) {
    if (!Object.hasOwn(params, name)) continue;
    const scale = text.includes("DateTime64") ? Number(scaleDigits ?? 3) : 0;
    const bind = (value: unknown) => bindDate(value, scale);
    const value = params[name];
    bound[name] = Array.isArray(value) ? value.map(bind) : bind(value);
  }
  return bound;
}

function bindDate(value: unknown, scale: number): unknown {
  if (typeof value === "bigint") return unixText(value, scale);
  if (typeof value === "number" && Number.isInteger(value)) return unixText(value, scale);
  const match = typeof value === "string" ? ISO_INSTANT.exec(value) : null;
  if (!match) return value;
  const [, whole, fraction = "", zone] = match;
  const seconds = BigInt(Date.parse((whole + zone).toUpperCase()) / 1000);
  // A fraction finer than the type is kept for DateTime64, which cuts it, and refused by DateTime.
  const digits = Math.max(scale, fraction.replace(/0+$/, "").length);
  const ticks = seconds * 10n ** BigInt(digits) +
    BigInt(fraction.padEnd(digits, "0").slice(0, digits) || 0);
  return unixText(ticks, digits);
}
