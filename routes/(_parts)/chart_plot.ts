/** A plot in the page: drawn again whenever its lines, its size or the theme change. */
import uPlot from "uplot";
import { type DrawOptions, drawOptions, type Lines, rangeOf } from "./chart.ts";
import { followTouch, hideCursor, moveCursor } from "./chart_cursor.ts";

/** What {@link openPlot} needs. */
export interface PlotOptions extends Omit<DrawOptions, "lines"> {
  /** The current lines; null before the first answer. */
  readonly lines: () => Lines | null;
  readonly onDrawn: () => void;
}

/** A plot that is open. */
export interface Plot {
  /** Draws the lines as they are now. */
  draw(): void;
  /** Moves the cursor; see {@link moveCursor}. */
  moveCursor(key: string): boolean;
  hideCursor(): void;
  close(): void;
}

/** Opens a plot, which is empty until its first data. */
export function openPlot(options: PlotOptions): Plot {
  const { element, lines: linesNow, onDrawn, onCursor } = options;
  let plot: uPlot | null = null;
  let unfollow = () => {};
  const destroy = () => {
    unfollow();
    plot?.destroy();
  };
  let drawnLines = "";
  let full: readonly [number, number] = [0, 0];
  const draw = () => {
    const lines = linesNow();
    if (lines === null) return;
    onDrawn();
    const nowhere = lines.time.map(() => null);
    const heights = [lines.time, ...lines.lines.map(({ heights }) => heights ?? nowhere)];
    const aligned = heights as unknown as uPlot.AlignedData;
    const { min, max } = plot?.scales.x ?? {};
    const zoomed = plot !== null && (min !== full[0] || max !== full[1]);
    // Labels and colours belong to a plot: other lines are another plot.
    const asked = JSON.stringify(lines.lines.map(({ label, colour }) => [label, colour]));
    if (plot === null || asked !== drawnLines) {
      destroy();
      onCursor(null);
      plot = new uPlot(drawOptions({ ...options, lines: () => linesNow()! }), aligned, element);
      unfollow = followTouch(plot);
      drawnLines = asked;
    } else plot.setData(aligned, !zoomed);
    full = rangeOf(lines);
    if (zoomed) plot.setScale("x", { min: min!, max: max! });
  };
  const anew = () => {
    drawnLines = "";
    draw();
  };
  const resized = new ResizeObserver(() =>
    plot?.setSize({ width: element.clientWidth, height: element.clientHeight })
  );
  resized.observe(element);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", anew);
  addEventListener("themechange", anew);
  return {
    draw,
    moveCursor(key) {
      const lines = linesNow();
      return plot !== null && lines !== null && moveCursor(plot, lines, key);
    },
    hideCursor() {
      if (plot !== null) hideCursor(plot);
    },
    close() {
      resized.disconnect();
      dark.removeEventListener("change", anew);
      removeEventListener("themechange", anew);
      destroy();
    },
  };
}
