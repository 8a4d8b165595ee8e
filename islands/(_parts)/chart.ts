/** How a time series is drawn. */
import uPlot from "uplot";
import type { SeriesAnswer } from "../../runtime/ports/services.ts";
import { label, shortFigure } from "./figures.ts";
import type { ChartData } from "./metric_data.ts";
import type { Names } from "./Rows.tsx";

/** What a chart shows. */
export interface Lines {
  /** Starts of the buckets, seconds since 1970 UTC. */
  readonly time: readonly number[];
  readonly bucketSeconds: number;
  readonly measure: string;
  readonly lines: readonly Line[];
  readonly bars: boolean;
  /** The first bucket with events beyond the batch run; null where it is not shown. */
  readonly seam: number | null;
}

/** One line or one set of bars. */
export interface Line {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** A colour's name in the style sheet. */
  readonly colour: string;
  readonly filled: boolean;
}

const COLOURS = 6;

/**
 * A colour for each key, by {@link keyText}: the one that it had before, else the first that is free.
 *
 * @param before the colours of the answer before.
 */
export function colourSlots(
  before: ReadonlyMap<string, number>,
  answer: SeriesAnswer | null,
): ReadonlyMap<string, number> {
  const keys = (answer?.series ?? []).flatMap(({ key }) => key === null ? [] : [keyText(key)]);
  const slots = new Map(keys.flatMap((key) => before.has(key) ? [[key, before.get(key)!]] : []));
  for (const key of keys.filter((key) => !slots.has(key))) {
    const taken = new Set(slots.values());
    let slot = 0;
    while (taken.has(slot)) slot++;
    slots.set(key, slot);
  }
  return slots;
}

/** A key as text: its values, by column. */
const keyText = (key: Readonly<Record<string, unknown>>) => JSON.stringify(key);

/** The lines of the data: one per key, or the total before its batch part; null without an answer. */
export function linesOf(
  { series: { answer }, batch, names }: ChartData,
  chart: "bar" | "line",
  slots: ReadonlyMap<string, number>,
): Lines | null {
  if (answer === null) return null;
  const { time, series, bucket_seconds: bucketSeconds, measure, layer } = answer;
  const shared = { time, bucketSeconds, measure, seam: null, bars: chart === "bar" };
  if (series.some(({ key }) => key !== null)) {
    const lines = series.map(({ key, values }): Line => ({
      label: keyLabel(key ?? {}, names),
      values,
      colour: `--line-${(slots.get(keyText(key ?? {})) ?? 0) % COLOURS + 1}`,
      filled: false,
    }));
    return { ...shared, lines, bars: false };
  }
  const values = series[0]?.values ?? time.map(() => null);
  if (batch === null) {
    const colour = layer === "batch" ? "--batch" : "--speed";
    return { ...shared, lines: [{ label: label(measure), values, colour, filled: true }] };
  }
  const known = new Map(batch.time.map((start, i) => [start, batch.series[0]?.values[i] ?? null]));
  const ofBatch = time.map((start) => known.get(start) ?? null);
  const apart = values.findIndex((value, i) => value !== null && value !== ofBatch[i]);
  return {
    ...shared,
    seam: apart < 0 || batch.series.length === 0 ? null : time[apart],
    lines: [
      { label: "Merged", values, colour: "--speed", filled: false },
      { label: "Batch part", values: ofBatch, colour: "--batch", filled: true },
    ],
  };
}

function keyLabel(key: Readonly<Record<string, unknown>>, names: Names): string {
  return Object.entries(key).map(([name, value]) => names[name]?.[String(value)] ?? String(value))
    .join(", ");
}

/** The time axis: all buckets, each of which has its whole width. */
export function rangeOf({ time, bucketSeconds }: Lines): [from: number, to: number] {
  return [time[0] ?? 0, (time.at(-1) ?? 0) + bucketSeconds];
}

/** Reads a colour of the style sheet as it stands now, as `rgb(…)`. */
function colourReader(element: HTMLElement): (name: string) => string {
  const probe = document.createElement("i");
  return (name) => {
    probe.style.color = `var(${name})`;
    element.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
}

const FILL = 0.16;
const faded = (colour: string) => colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${FILL})`);

/**
 * Options of a plot, in the colours that the page has now.
 *
 * @param shown the lines as they are when it is asked.
 */
export function drawOptions(element: HTMLElement, shown: () => Lines): uPlot.Options {
  const colour = colourReader(element);
  const font = `12px ${getComputedStyle(element).fontFamily}`;
  const axis = { stroke: colour("--quiet"), font, ticks: { show: false } };
  const grid = { stroke: colour("--line"), width: 1 };
  const ink = colour("--ink");
  const { lines, bars } = shown();
  return {
    ...{ width: element.clientWidth, height: element.clientHeight },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    cursor: { points: { size: 7 } },
    series: [
      { label: "UTC", value: "{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}" },
      ...lines.map(({ label, colour: name, filled }): uPlot.Series => ({
        ...{ label, stroke: colour(name), width: bars ? 0 : 1.5 },
        ...(bars
          ? { fill: colour(name), paths: uPlot.paths.bars!({ align: 1, size: [0.85, Infinity] }) }
          : filled
          ? { fill: faded(colour(name)) }
          : {}),
        points: bars ? { show: false } : { filter: alone, size: 5 },
        value: (_plot, value) => value === null ? "–" : value.toLocaleString("en"),
      })),
    ],
    axes: [
      {
        ...{ ...axis, grid: { show: false }, space: 80 },
        values: (_plot, splits, _axis, _space, step) =>
          splits.map((at, i) => timeText(at, step, i)),
      },
      { ...axis, grid, size: 48, values: (_plot, values) => values.map(shortFigure) },
    ],
    scales: {
      x: { range: (_plot, from, to) => zoomOf(shown(), from, to) },
      y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.08 : 1] },
    },
    hooks: { draw: [(plot) => drawSeam(plot, shown().seam, ink)] },
  };
}

/** The part of the time axis that was selected, or all of it: uPlot asks for the bounds of the data. */
function zoomOf(lines: Lines, from: number, to: number): [number, number] {
  const all = from === lines.time[0] && to === lines.time.at(-1);
  return all ? rangeOf(lines) : [from, to];
}

/** The values between two gaps: no line leads to them, so that only a point shows them. */
const alone: uPlot.Series.Points.Filter = (plot, line, all) => {
  if (all) return null;
  const values = plot.data[line];
  const none = (at: number) => values[at] === null || values[at] === undefined;
  return [...values.keys()].filter((at) => !none(at) && none(at - 1) && none(at + 1));
};

const DAY = 86_400;

/** A mark of the time axis: the date where a day begins or the axis does, else the time. */
function timeText(seconds: number, step: number, at: number): string {
  const iso = new Date(seconds * 1000).toISOString();
  const date = iso.slice(0, 10);
  if (step >= 28 * DAY) return iso.slice(0, 7);
  if (step >= DAY) return date;
  const time = iso.slice(11, step < 60 ? 19 : 16);
  return at === 0 || seconds % DAY === 0 ? `${time}\n${date}` : time;
}

function drawSeam(plot: uPlot, seam: number | null, colour: string): void {
  if (seam === null) return;
  const x = Math.round(plot.valToPos(seam, "x", true));
  const { top, height, left, width } = plot.bbox;
  if (x < left || x > left + width) return;
  const { ctx } = plot;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(x, top);
  ctx.lineTo(x, top + height);
  ctx.stroke();
  const onLeft = x > left + width / 2;
  ctx.textAlign = onLeft ? "right" : "left";
  ctx.fillText("+ speed", x + (onLeft ? -6 : 6) * devicePixelRatio, top + 12 * devicePixelRatio);
  ctx.restore();
}
