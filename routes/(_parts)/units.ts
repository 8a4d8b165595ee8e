/** Numbers in the units that plugins declare. */
import type { AnswerColumn } from "../../runtime/ports/services.ts";
import {
  bytesText,
  figure,
  isNumeric,
  label,
  measured,
  plainText,
  shortFigure,
} from "./figures.ts";

/** What one of a number is, such as `seconds`; nothing where no unit is declared. */
export type Unit = string | null | undefined;

const DAY = 86_400;
const HOUR = 3600;
const MINUTE = 60;

interface UnitFormat {
  /** A value as text, with its unit. */
  text(value: number): string;
  /** Steps of a chart's axis. Default: powers of ten and their halves and fifths. */
  readonly steps?: readonly number[];
}

const secondSteps = [
  ...[1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1].flatMap((step) => [step, 2 * step, 5 * step]),
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR),
  ...[1, 2, 5].flatMap((count) => [1, 10, 100, 1000, 1e4, 1e5].map((size) => count * size * DAY)),
].toSorted((a, b) => a - b);

/** The units that have a notation of their own; the name of any other stands beside its numbers. */
const formats: Readonly<Record<string, UnitFormat>> = {
  seconds: { text: durationText, steps: secondSteps },
  milliseconds: {
    text: (value) => durationText(value / 1000),
    steps: secondSteps.map((step) => step * 1000),
  },
  bytes: { text: bytesText },
  share: { text: (value) => percentText(value * 100) },
  percent: { text: percentText },
};

const formatOf = (unit: Unit): UnitFormat | undefined =>
  unit != null && Object.hasOwn(formats, unit) ? formats[unit] : undefined;

/** A value as text: `1 h 12 min`, `3.4 MB`, `12.3 %`; of other units the number alone. */
export function valueText(value: number | null | undefined, unit: Unit): string {
  if (value == null) return figure(value);
  return formatOf(unit)?.text(value) ?? measured(value);
}

/** A cell of an answer as text, by its column. */
export function cellText(value: unknown, { type, unit }: Omit<AnswerColumn, "name">): string {
  const format = isNumeric(type) && value != null ? formatOf(unit) : undefined;
  return format?.text(Number(value)) ?? plainText(value, type);
}

/** A value at an axis, in little room. */
export function axisText(value: number, unit: Unit): string {
  return formatOf(unit)?.text(value) ?? shortFigure(value);
}

/** See {@link UnitFormat.steps}. */
export const axisSteps = (unit: Unit): readonly number[] | undefined => formatOf(unit)?.steps;

/** The unit that heads a column or an axis: none where the values carry it. */
export const unitName = (unit: Unit): string[] =>
  unit == null || formatOf(unit) !== undefined ? [] : [unit];

/** A measure's name with the unit that its values do not carry: `Avg rating, stars`. */
export const measureName = (name: string, unit: Unit): string =>
  [label(name), ...unitName(unit)].join(", ");

/** All digits of a value, where its text has fewer. */
export function exactValue(value: unknown, unit: Unit): string | undefined {
  return typeof value === "number" && formatOf(unit) !== undefined ? `${value} ${unit}` : undefined;
}

/** A span in its two greatest units: `1 h 12 min`, `45.2 s`, `120 ms`. */
export function durationText(seconds: number): string {
  if (seconds < 0) return `−${durationText(-seconds)}`;
  if (seconds < 59.95) return shortDuration(seconds);
  const step = seconds < HOUR - 0.5 ? 1 : seconds < DAY - 30 ? MINUTE : HOUR;
  const rounded = Math.round(seconds / step) * step;
  const [size, unit, rest, part] = rounded >= DAY
    ? [DAY, "d", HOUR, "h"] as const
    : rounded >= HOUR
    ? [HOUR, "h", MINUTE, "min"] as const
    : [MINUTE, "min", 1, "s"] as const;
  const more = Math.round((rounded % size) / rest);
  const most = `${figure(Math.floor(rounded / size))} ${unit}`;
  return more === 0 ? most : `${most} ${more} ${part}`;
}

function shortDuration(seconds: number): string {
  const [value, unit] = seconds === 0 || seconds >= 0.9995
    ? [seconds, "s"]
    : seconds >= 0.0009995
    ? [seconds * 1000, "ms"]
    : [seconds * 1e6, "µs"];
  return `${Number(value.toPrecision(3))} ${unit}`;
}

/** Of what is not 0 or 100 the text is not either. */
function percentText(percent: number): string {
  const size = Math.abs(percent);
  if (size > 99.9 && size < 100) return `${percent < 0 ? "−" : ""}99.9 %`;
  return `${
    size >= 1 || size === 0 ? Number(percent.toFixed(1)) : Number(percent.toPrecision(2))
  } %`;
}
