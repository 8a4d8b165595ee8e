/** The cursor of a chart: which bucket it is at, and how keys and fingers move it. */
import type uPlot from "uplot";
import type { Lines } from "./chart.ts";

/** A bucket that a reader points at. */
export interface ChartCursor {
  /** Index of the bucket. */
  readonly index: number;
  /** In pixels, from the left and from the top of the plot's element. */
  readonly x: number;
  readonly y: number;
  /** By line, whether the legend has it switched on. */
  readonly shown: readonly boolean[];
}

/** Where a bucket ends. */
export const endOf = ({ time, end }: Lines, index: number): number => time[index + 1] ?? end;

/** The position of a plot's cursor; null without a cursor. */
export function cursorOf(plot: uPlot, lines: Lines): ChartCursor | null {
  const { idx, left = -1, top = 0 } = plot.cursor;
  if (idx == null || left < 0) return null;
  const { offsetLeft, offsetTop } = plot.over;
  return {
    index: bucketAt(lines, idx, plot.posToVal(left, "x")),
    x: offsetLeft + left,
    y: offsetTop + Math.max(top, 0),
    shown: plot.series.slice(1).map(({ show = true }) => show),
  };
}

/** A bar fills its bucket; a line's points lie at the starts, and the nearest one is meant. */
function bucketAt({ bars, time }: Lines, nearest: number, seconds: number): number {
  return bars ? Math.max(time.findLastIndex((start) => start <= seconds), 0) : nearest;
}

/** Buckets that a key moves the cursor by; `Home` and `End` go as far as the picture does. */
const steps: Readonly<Record<string, number>> = {
  ArrowLeft: -1,
  ArrowRight: 1,
  Home: -Infinity,
  End: Infinity,
};

/**
 * Moves the cursor as a key asks for; `Escape` takes it away. Without a cursor it comes to the newest
 * bucket.
 *
 * @returns whether the key means anything.
 */
export function moveCursor(plot: uPlot, lines: Lines, key: string): boolean {
  if (key === "Escape") {
    hideCursor(plot);
    return true;
  }
  if (!Object.hasOwn(steps, key)) return false;
  const { time, bars } = lines;
  const [first, last] = plot.series[0].idxs ?? [0, time.length - 1];
  const now = cursorOf(plot, lines)?.index;
  const index = now === undefined ? last : Math.min(Math.max(now + steps[key], first), last);
  const at = bars ? (time[index] + endOf(lines, index)) / 2 : time[index];
  plot.setCursor({ left: Math.max(plot.valToPos(at, "x"), 0), top: 0 });
  return true;
}

/** Takes the cursor away. */
export function hideCursor(plot: uPlot): void {
  plot.setCursor({ left: -10, top: -10 });
}

/**
 * Lets a finger move the cursor. It stays where the finger leaves it, until something else of the page
 * is touched.
 *
 * @returns what ends that.
 */
export function followTouch(plot: uPlot): () => void {
  const move = ({ pointerType, clientX, clientY }: PointerEvent) => {
    if (pointerType !== "touch") return;
    const { left, top } = plot.over.getBoundingClientRect();
    plot.setCursor({ left: Math.max(clientX - left, 0), top: clientY - top });
  };
  const leave = ({ target }: PointerEvent) => {
    if (!plot.root.contains(target as Node)) hideCursor(plot);
  };
  plot.over.addEventListener("pointerdown", move);
  plot.over.addEventListener("pointermove", move);
  document.addEventListener("pointerdown", leave);
  return () => document.removeEventListener("pointerdown", leave);
}
