/** How a time series is drawn. */
import uPlot from "uplot";
import type { Coverage, SeriesAnswer } from "../../runtime/ports/services.ts";
import { widthText } from "./figures.ts";
import { axisSteps, axisText, measureName, type Unit } from "./units.ts";
import { type ChartCursor, cursorOf, endOf } from "./chart_cursor.ts";
import type { DrawnAxis } from "./chart_marks.ts";
import type { ChartData } from "./metric_data.ts";
import type { Names } from "./Rows.tsx";

/** What a chart shows. */
export interface Lines {
  /** Starts of the buckets, seconds since 1970 UTC. */
  readonly time: readonly number[];
  /** Where the last one ends; 0 without buckets. */
  readonly end: number;
  /** How wide a bucket is, in words: `10 min`, `3 months`. */
  readonly width: string;
  /** The time zone of all texts, and seconds to add to UTC at each start. */
  readonly tz: string;
  readonly offsets: readonly number[];
  /** The measure's name, with a unit that its values do not carry. */
  readonly name: string;
  readonly unit: Unit;
  readonly lines: readonly Line[];
  readonly bars: boolean;
  /** How much of the log the batch part covers; null where the chart does not tell the parts apart. */
  readonly covered: Coverage | null;
  /** The bucket that was not over when the data was read; null where there is none. */
  readonly open: number | null;
}

/** One line or one set of bars. */
export interface Line {
  readonly label: string;
  /** The figures, and their unit. */
  readonly values: readonly (number | null)[];
  readonly unit: Unit;
  /** Where they are drawn; null: nowhere. */
  readonly heights: readonly (number | null)[] | null;
  /** Of a part of the whole: its share by bucket, 0 to 1; null for any other line. */
  readonly shares: readonly (number | null)[] | null;
  /** A colour's name in the style sheet. */
  readonly colour: string;
  /** Whether it is dashed, because another line has its colour. */
  readonly dashed: boolean;
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

/** The lines of the data: one per key, or the total with its batch and speed part; null without an answer. */
export function linesOf(
  { series: { answer, at }, names }: ChartData,
  chart: "bar" | "line",
  slots: ReadonlyMap<string, number>,
): Lines | null {
  if (answer === null) return null;
  const { time, series, measure, unit, layer, tz, offsets } = answer;
  const end = answer.end ?? 0;
  const width = widthText(answer);
  const bars = chart === "bar" && series.every(({ key }) => key === null);
  const now = Date.parse(at) / 1000;
  const open = time.find((start, i) => start <= now && now < (time[i + 1] ?? end)) ?? null;
  const name = measureName(measure, unit);
  const shared = { time, end, width, tz, offsets, name, unit, bars, open };
  const [{ key, values } = { key: null, values: time.map(() => null) }] = series;
  if (key !== null) {
    const lines = series.map(({ key, values }): Line => {
      const slot = slots.get(keyText(key ?? {})) ?? 0;
      return {
        label: keyLabel(key ?? {}, names),
        values,
        unit,
        heights: values,
        shares: null,
        colour: `--line-${slot % COLOURS + 1}`,
        dashed: slot >= COLOURS,
        filled: false,
      };
    });
    return { ...shared, covered: null, lines };
  }
  const parts = series.length === 0 ? null : partLines(answer, bars);
  if (parts !== null) return { ...shared, covered: answer.covered, lines: parts };
  const colour = { batch: "--batch", speed: "--speed", merged: "--ink" }[layer];
  const heights = values;
  const line = { ...whole, label: name, values, unit, heights, colour, filled: true };
  return { ...shared, covered: answer.covered, lines: [line] };
}

/** Of a line that is neither a part nor one of many keys. */
const whole = { shares: null, dashed: false } as const;

const partLabels = {
  merged: { speed: "Speed", batch: "Batch", whole: "Merged" },
  // All of its values come from the speed layer: the parts say what a batch run has recomputed.
  speed: { speed: "Not yet in batch", batch: "Recomputed by batch", whole: "Speed layer" },
};

/**
 * Batch and speed on top of each other, which together are the whole line; null where the answer does
 * not tell them apart. Values that do not add up are parted by the events behind them.
 */
function partLines(answer: SeriesAnswer, bars: boolean): Line[] | null {
  const { parts, layer, unit, series: [{ values, batch, speed }] } = answer;
  if (layer === "batch") return null;
  const named = partLabels[layer];
  if (parts === null || batch === null || speed === null) return null;
  const what = parts === "events" ? ", events" : "";
  const partUnit = parts === "events" ? null : unit;
  const sharesOf = (part: readonly (number | null)[]) =>
    values.map((_, i) => {
      const all = (batch[i] ?? 0) + (speed[i] ?? 0);
      return all === 0 ? null : (part[i] ?? 0) / all;
    });
  const batchShares = sharesOf(batch);
  const ofBatch = values.map((value, i) => {
    if (value === null) return null;
    return parts === "values" ? batch[i] ?? 0 : value * (batchShares[i] ?? 0);
  });
  return [
    {
      label: `${named.speed}${what}`,
      values: speed,
      unit: partUnit,
      heights: values,
      shares: sharesOf(speed),
      dashed: false,
      colour: "--speed",
      filled: true,
    },
    {
      label: `${named.batch}${what}`,
      values: batch,
      unit: partUnit,
      heights: ofBatch,
      shares: batchShares,
      dashed: false,
      colour: "--batch",
      filled: true,
    },
    {
      label: named.whole,
      values,
      unit,
      heights: bars ? null : values,
      ...whole,
      colour: "--ink",
      filled: false,
    },
  ];
}

function keyLabel(key: Readonly<Record<string, unknown>>, names: Names): string {
  return Object.entries(key).map(([name, value]) => names[name]?.[String(value)] ?? String(value))
    .join(", ");
}

/** Seconds since 1970 whose UTC is the local time of an instant: what every text shows. */
export function localOf({ time, offsets }: Lines, seconds: number): number {
  return seconds + (offsets[Math.max(time.findLastIndex((start) => start <= seconds), 0)] ?? 0);
}

/** The time axis: all buckets, each of which has its whole width. */
export function rangeOf({ time, end }: Lines): [from: number, to: number] {
  return [time[0] ?? 0, end];
}

/** The whole buckets of a dragged part of the time axis, in seconds; null where it is only a click. */
function draggedRange(
  { select, posToVal }: uPlot,
  lines: Lines,
): readonly [from: number, to: number] | null {
  if (select.width < LEAST_DRAG) return null;
  const { time } = lines;
  const [first, end] = rangeOf(lines);
  const left = posToVal(select.left, "x");
  const right = posToVal(select.left + select.width, "x");
  const from = time.findLast((start) => start <= left) ?? first;
  return [from, time.find((start) => start >= right && start > from) ?? end];
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

/** Of the vertical axis with its figures, in pixels: at least, beside the text, and of a letter. */
const AXIS_WIDTH = { least: 40, margin: 14, letter: 6.5 };
/** A shorter drag is a click, in pixels. */
const LEAST_DRAG = 6;
/** Of a date at an axis, in pixels. */
const DATE_WIDTH = 76;
const FILL = 0.2;
const faded = (colour: string) => colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${FILL})`);

/** What {@link drawOptions} needs. */
export interface DrawOptions {
  readonly element: HTMLElement;
  /** Where the legend goes: outside of the picture, which only eyes can read. */
  readonly legend: HTMLElement;
  /** The lines as they are when it is asked. */
  readonly lines: () => Lines;
  /** Takes the place of the cursor whenever it moves. */
  readonly onCursor: (cursor: ChartCursor | null) => void;
  /** Takes the time axis whenever it is drawn. */
  readonly onAxis: (axis: DrawnAxis) => void;
  /** Takes a dragged range, in seconds since 1970 UTC. Default: it is zoomed to. */
  readonly onRange?: (from: number, to: number) => void;
}

/** Options of a plot, in the colours that the page has now. */
export function drawOptions(options: DrawOptions): uPlot.Options {
  const { element, legend, lines: shown, onCursor, onAxis, onRange } = options;
  const colour = colourReader(element);
  const font = `12px ${getComputedStyle(element).fontFamily}`;
  const axis = { stroke: colour("--quiet"), font, ticks: { show: false } };
  const grid = { stroke: colour("--line"), width: 1 };
  const shade = faded(colour("--quiet"));
  const { lines, bars, unit } = shown();
  /** What is filled lies between its line and that of the next one that is. */
  const bands = lines.flatMap(({ filled, colour: name }, i) =>
    !bars && filled && lines[i + 1]?.filled
      ? [{ series: [i + 1, i + 2], fill: faded(colour(name)) } as uPlot.Band]
      : []
  );
  return {
    width: element.clientWidth,
    height: element.clientHeight,
    bands,
    // Half of a date beside the last mark of the axis.
    padding: [null, DATE_WIDTH / 2, null, null],
    tzDate: (seconds) => uPlot.tzDate(new Date(localOf(shown(), seconds) * 1000), "Etc/UTC"),
    legend: {
      live: false,
      markers: { dash: (_plot, series) => lines[series - 1].dashed ? "dotted" : "solid" },
      mount: (_plot, table) => legend.replaceChildren(table),
    },
    cursor: {
      y: false,
      points: { show: !bars, size: 7 },
      drag: { x: true, setScale: onRange === undefined },
    },
    series: [
      {},
      ...lines.map(({ label, colour: name, dashed, filled, heights }): uPlot.Series => ({
        label,
        stroke: colour(name),
        width: bars || heights === null ? 0 : 1.5,
        ...(dashed ? { dash: [6, 4] } : {}),
        ...(bars
          ? { fill: colour(name), paths: uPlot.paths.bars!({ align: 1, size: [0.85, Infinity] }) }
          : filled
          ? { fill: faded(colour(name)) }
          : {}),
        points: bars ? { show: false } : { filter: alone, size: 5 },
      })),
    ],
    axes: [
      {
        ...axis,
        grid: { show: false },
        space: 80,
        values: (_plot, splits, _axis, _space, step) =>
          splits.map((at, i) => timeText(localOf(shown(), at), step, i)),
      },
      {
        ...axis,
        grid,
        size: (_plot, texts) => axisWidth(texts ?? []),
        incrs: axisSteps(unit)?.slice(),
        values: (_plot, values) => values.map((value) => axisText(value, unit)),
      },
    ],
    scales: {
      x: { range: (_plot, from, to) => zoomOf(shown(), from, to) },
      y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.08 : 1] },
    },
    hooks: {
      ready: [(plot) => makeSwitches(plot, legend)],
      setSeries: [(plot) => showSwitches(plot, legend)],
      draw: [(plot) => onAxis(axisOf(plot))],
      setCursor: [(plot) => onCursor(cursorOf(plot, shown()))],
      drawClear: [(plot) => shadeOpen(plot, shown(), shade)],
      setSelect: [(plot) => {
        const range = onRange && draggedRange(plot, shown());
        if (range) onRange(...range);
      }],
    },
  };
}

function axisOf({ over, scales: { x } }: uPlot): DrawnAxis {
  const { offsetLeft: left, offsetTop, clientWidth: width, clientHeight } = over;
  return { from: x.min ?? 0, to: x.max ?? 0, left, width, height: offsetTop + clientHeight };
}

function axisWidth(texts: readonly string[]): number {
  const longest = Math.max(0, ...texts.map(({ length }) => length));
  return Math.max(AXIS_WIDTH.least, AXIS_WIDTH.margin + AXIS_WIDTH.letter * longest);
}

/** The labels of the lines in a legend. */
const labelsOf = (
  legend: HTMLElement,
) => [...legend.querySelectorAll<HTMLElement>(".u-series .u-label")];

/** Lets the keyboard switch lines on and off, as a click on their label does. */
function makeSwitches(plot: uPlot, legend: HTMLElement): void {
  for (const label of labelsOf(legend)) {
    label.tabIndex = 0;
    label.role = "button";
    label.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      label.click();
    });
  }
  showSwitches(plot, legend);
}

function showSwitches({ series }: uPlot, legend: HTMLElement): void {
  for (const [i, label] of labelsOf(legend).entries()) {
    label.ariaPressed = String(series[i + 1].show);
  }
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

/** Shades the bucket that is not over. */
function shadeOpen(plot: uPlot, lines: Lines, colour: string): void {
  const { open, time } = lines;
  if (open === null) return;
  const { ctx, bbox: { left, top, width, height } } = plot;
  const [from, to] = [open, endOf(lines, time.indexOf(open))].map((at) =>
    Math.min(Math.max(plot.valToPos(at, "x", true), left), left + width)
  );
  ctx.save();
  ctx.fillStyle = colour;
  ctx.fillRect(from, top, to - from, height);
  ctx.restore();
}
