/** What a status says, added up, and figures as text. */
import type { Coverage, PluginRun, SeriesAnswer, Status } from "../../runtime/ports/services.ts";

/** The figures of the whole, over all partitions. */
export interface Figures {
  readonly partitions: number;
  /** Records that the logs hold or held. */
  readonly records: number;
  readonly events: number;
  readonly lag: number;
  /** Offsets that the speed layer and the archive have come to, added up. */
  readonly frontier: number;
  readonly archived: number;
  readonly late: number;
  readonly repeats: number;
  readonly deadLetters: number;
  /** Event time of the newest event that does not lie in the future, ISO 8601. */
  readonly newestEvent: string | null;
}

/** Adds up a status. */
export function figuresOf(status: Status): Figures {
  const all = status.topics.flatMap((topic) => topic.partitions);
  const sum = (of: (partition: typeof all[number]) => number | string) =>
    all.reduce((total, partition) => total + Number(of(partition)), 0);
  return {
    partitions: all.length,
    records: sum((p) => p.log_end),
    events: sum((p) => p.events),
    lag: sum((p) => p.lag_records),
    frontier: sum((p) => p.speed_frontier),
    archived: sum((p) => p.archived),
    late: sum((p) => p.late_events),
    repeats: sum((p) => p.repeats),
    deadLetters: sum((p) => p.dead_letters),
    newestEvent: most(all.map(newestEventOf)),
  };
}

/** Ticks move the watermark on beyond the last event; future events lie beyond the watermark. */
function newestEventOf(
  { watermark, last_event }: Status["topics"][number]["partitions"][number],
): string | null {
  return watermark !== null && last_event !== null && last_event < watermark
    ? last_event
    : watermark;
}

function most<T extends string | number>(values: readonly (T | null)[]): T | null {
  return values.reduce<T | null>((a, b) => a === null || (b !== null && b > a) ? b : a, null);
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fraction = new Intl.NumberFormat("en", {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** A figure as text: thousands apart, a dash for nothing. */
export function figure(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : whole.format(value);
}

/** A measure's value as text: a whole number as such, others with two digits behind the point. */
export function measured(value: number | null | undefined): string {
  return value == null || Number.isInteger(value) ? figure(value) : fraction.format(value);
}

/** A figure with all its digits: what is not 0 never reads 0. */
export function exactFigure(value: number | null | undefined): string {
  return value === null || value === undefined || Number.isInteger(value)
    ? figure(value)
    : String(value);
}

/** A figure in little room: `12.3K`. */
export function shortFigure(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : compact.format(value);
}

const numeric = new Set(["integer", "number", "decimal"]);
/** Whether a column's values stand to the right. */
export const isNumeric = (type: string): boolean => numeric.has(type);

/** A value of a type as text. Keys that are numbers keep their digits. */
export function plainText(value: unknown, type: string): string {
  if (value === null || value === undefined) return "–";
  if (type === "integer") return whole.format(Number(value));
  if (type === "number" || type === "decimal") return fraction.format(Number(value));
  if (type === "instant") return instantText(String(value));
  if (Array.isArray(value)) return value.join(", ");
  return String(value);
}

/** An ISO 8601 instant as short text in UTC; a dash for none. */
export function instantText(iso: string | null | undefined): string {
  return iso === null || iso === undefined ? "–" : iso.slice(0, 19).replace("T", " ");
}

/** A bucket's time in UTC, of seconds since 1970, its end excluded: `2024-03-01 18:00 – 19:00`. */
export function bucketText(fromSeconds: number, toSeconds: number): string {
  const times = [fromSeconds, toSeconds];
  const digits = times.every((seconds) => seconds % 60 === 0) ? 16 : 19;
  const [from, to] = times.map((seconds) =>
    new Date(seconds * 1000).toISOString().slice(0, digits).replace("T", " ")
  );
  return `${from} – ${from.slice(0, 10) === to.slice(0, 10) ? to.slice(11) : to}`;
}

/** How much of a log the batch part of an answer covers, in words; never more than it is. */
export function coverageText({ share, until }: Coverage): string {
  if (share === 0) return "Batch covers no records yet.";
  if (share === 1) return "Batch covers all records.";
  const percent = Math.floor(share * 1000) / 10;
  return `Batch covers ${percent < 0.1 ? "less than 0.1" : percent.toFixed(1)} % of all records` +
    `${until === null ? "" : `, up to ${instantText(until)}`}.`;
}

const steps: readonly (readonly [number, string])[] = [
  [365.25 * 86400, "y"],
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
];

/** A span as text with its greatest unit: `0.8 s`, `12 min`, `3.4 d`. */
export function spanText(seconds: number | null): string {
  if (seconds === null) return "–";
  const [size, unit] = steps.find(([size]) => seconds >= size) ?? [1, "s"];
  const count = seconds / size;
  return `${count < 10 && count % 1 !== 0 ? count.toFixed(1) : whole.format(count)} ${unit}`;
}

/** How wide the buckets of a series are: `10 min`, in months and time zones `day`, `3 months`. */
export function widthText({ bucket, bucket_seconds }: SeriesAnswer): string {
  if (bucket_seconds !== null || bucket === null) return spanText(bucket_seconds);
  const [, count, unit] = /^(\d*)(\w+)$/.exec(bucket)!;
  return count === "" ? unit : `${count} ${unit}s`;
}

const units = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Bytes as text, in their greatest unit: `3.4 MB`, of 1,000 kB each. */
export function bytesText(bytes: number): string {
  if (bytes < 0) return `−${bytesText(-bytes)}`;
  let step = 0;
  // 999.96 would be shown as 1,000.0 of a unit that is too small.
  while (step < units.length - 1 && bytes / 1000 ** step >= 999.95) step++;
  const count = bytes / 1000 ** step;
  return `${Number.isInteger(count) ? figure(count) : tenths.format(count)} ${units[step]}`;
}

/** What a batch run reads for a plugin; a dash where that is not known. */
export function readsText({ events, bytes }: Pick<PluginRun, "events" | "bytes">): string {
  if (events === null || bytes === null) return "–";
  return `${figure(events)} event${events === 1 ? "" : "s"}, ${bytesText(bytes)}`;
}

/** A column's name as a label. */
export function label(name: string): string {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
