/** A metric over time: a line per key, or the total with its batch part. */
import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import {
  colourSlots,
  drawOptions,
  type Lines,
  linesOf,
  rangeOf,
} from "../routes/(_parts)/chart.ts";
import { Fault } from "../routes/(_parts)/Fault.tsx";
import { coverageText, figure, instantText, spanText } from "../routes/(_parts)/figures.ts";
import type { ChartData } from "../routes/(_parts)/metric_data.ts";
import { Sparkline } from "../routes/(_parts)/Sparkline.tsx";
import { exactValue, valueText } from "../routes/(_parts)/units.ts";

/** What {@link SeriesChart} takes. */
export interface SeriesChartProps {
  readonly data: Signal<ChartData>;
  readonly stale: Signal<boolean>;
  readonly chart: "bar" | "line";
  readonly title: string;
  /**
   * Whether a range that is dragged over the chart becomes the page's, as `from` and `to` of its URL.
   * Default: the chart alone is zoomed.
   */
  readonly selectsRange?: boolean;
}

const MOST_ROWS = 200;

/** The chart, with its data as a table too. */
export default function SeriesChart(
  { data, stale, chart, title, selectsRange = false }: SeriesChartProps,
) {
  const frame = useRef<HTMLDivElement>(null);
  const legend = useRef<HTMLDivElement>(null);
  const alive = useSignal(false);
  // A key keeps its colour for as long as it is shown.
  const slots = useRef<ReadonlyMap<string, number>>(new Map());
  const { series } = data.value;
  slots.current = colourSlots(slots.current, series.answer);
  const shown = linesOf(data.value, chart, slots.current);
  useEffect(() => {
    const onRange = selectsRange ? openRange : undefined;
    return drawn(
      frame.current!,
      legend.current!,
      data,
      chart,
      slots,
      () => alive.value = true,
      onRange,
    );
  }, []);
  const empty = shown === null ||
    shown.lines.every(({ values }) => values.every((value) => value === null));
  return (
    <figure
      class="chart"
      data-empty={empty ? "yes" : undefined}
      data-stale={stale.value || series.fault !== null ? "yes" : undefined}
    >
      <Fault part={series} />
      <p class="axis-name">{shown?.name ?? ""}</p>
      <div class="plot" ref={frame} aria-hidden="true">
        {!alive.value && <Sparkline values={shown?.lines.at(-1)?.values ?? []} label={title} />}
      </div>
      <div class="legend" ref={legend} />
      {shown !== null && (
        <figcaption>
          {empty ? "No data in this range." : <Caption shown={shown} />}
        </figcaption>
      )}
      {shown !== null && !empty && <DataTable shown={shown} title={title} />}
    </figure>
  );
}

function Caption({ shown: { name, bucketSeconds, covered, open } }: { readonly shown: Lines }) {
  return (
    <>
      {name} per {spanText(bucketSeconds)}, times in UTC.
      {covered !== null && ` ${coverageText(covered)}`}
      {open !== null && " The shaded bucket is still filling."}
    </>
  );
}

/** Opens the page for a range. */
const openRange = (from: number, to: number): void => {
  const url = new URL(location.href);
  url.searchParams.set("from", new Date(from * 1000).toISOString());
  url.searchParams.set("to", new Date(to * 1000).toISOString());
  for (const name of ["after", "until", "bucket"]) url.searchParams.delete(name);
  location.assign(url);
};

/** Draws the data, and draws it again whenever it, the size or the theme changes. Returns the end. */
function drawn(
  element: HTMLElement,
  legend: HTMLElement,
  data: Signal<ChartData>,
  chart: SeriesChartProps["chart"],
  slots: { current: ReadonlyMap<string, number> },
  onDrawn: () => void,
  onRange?: (from: number, to: number) => void,
): () => void {
  let plot: uPlot | null = null;
  let drawnLines = "";
  let full: readonly [number, number] = [0, 0];
  const draw = () => {
    slots.current = colourSlots(slots.current, data.peek().series.answer);
    const lines = linesOf(data.peek(), chart, slots.current);
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
      plot?.destroy();
      plot = new uPlot(
        drawOptions(element, legend, () => linesOf(data.peek(), chart, slots.current)!, onRange),
        aligned,
        element,
      );
      drawnLines = asked;
    } else plot.setData(aligned, !zoomed);
    full = rangeOf(lines);
    if (zoomed) plot.setScale("x", { min: min!, max: max! });
  };
  const anew = () => {
    drawnLines = "";
    draw();
  };
  const stop = data.subscribe(draw);
  const resized = new ResizeObserver(() =>
    plot?.setSize({ width: element.clientWidth, height: element.clientHeight })
  );
  resized.observe(element);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", anew);
  addEventListener("themechange", anew);
  return () => {
    stop();
    resized.disconnect();
    dark.removeEventListener("change", anew);
    removeEventListener("themechange", anew);
    plot?.destroy();
  };
}

const instantOf = (seconds: number) => instantText(new Date(seconds * 1000).toISOString());

function DataTable({ shown, title }: { readonly shown: Lines; readonly title: string }) {
  const { time, lines } = shown;
  const from = Math.max(time.length - MOST_ROWS, 0);
  return (
    <details class="data">
      <summary>View as table</summary>
      <div class="scroll" tabIndex={0} role="region" aria-label={`${title} over time`}>
        <table>
          <thead>
            <tr>
              <th scope="col">From (UTC)</th>
              {lines.map(({ label }) => <th key={label} scope="col" class="number">{label}</th>)}
            </tr>
          </thead>
          <tbody>
            {time.slice(from).map((start, i) => (
              <tr key={start}>
                <th scope="row">{instantOf(start)}</th>
                {lines.map(({ label, values, unit }) => (
                  <td key={label} class="number" title={exactValue(values[from + i], unit)}>
                    {valueText(values[from + i], unit)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {from > 0 && <p class="note">The last {MOST_ROWS} of {figure(time.length)}.</p>}
    </details>
  );
}
