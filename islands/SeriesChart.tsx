/** A metric over time: a line per key, or the total with its batch part. */
import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { colourSlots, type Lines, linesOf, localOf } from "../routes/(_parts)/chart.ts";
import type { ChartCursor } from "../routes/(_parts)/chart_cursor.ts";
import type { DrawnAxis } from "../routes/(_parts)/chart_marks.ts";
import { openPlot, type Plot } from "../routes/(_parts)/chart_plot.ts";
import { readingOf, readingText } from "../routes/(_parts)/chart_reading.ts";
import { ChartMarks } from "../routes/(_parts)/ChartMarks.tsx";
import { ChartTooltip } from "../routes/(_parts)/ChartTooltip.tsx";
import { Fault } from "../routes/(_parts)/Fault.tsx";
import { coverageText, figure, instantText } from "../routes/(_parts)/figures.ts";
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
  const plot = useRef<Plot | null>(null);
  const alive = useSignal(false);
  const cursor = useSignal<ChartCursor | null>(null);
  const axis = useSignal<DrawnAxis | null>(null);
  /** The bucket that arrow keys chose, for screen readers. */
  const spoken = useSignal("");
  // A key keeps its colour for as long as it is shown.
  const slots = useRef<ReadonlyMap<string, number>>(new Map());
  const { series } = data.value;
  const linesNow = () => {
    slots.current = colourSlots(slots.current, data.peek().series.answer);
    return linesOf(data.peek(), chart, slots.current);
  };
  const shown = linesNow();
  useEffect(() => {
    plot.current = openPlot({
      element: frame.current!,
      legend: legend.current!,
      lines: linesNow,
      onDrawn: () => alive.value = true,
      onCursor: (at) => cursor.value = at,
      onAxis: (drawn) => axis.value = drawn,
      onRange: selectsRange ? openRange : undefined,
    });
    const stop = data.subscribe(plot.current.draw);
    return () => {
      stop();
      plot.current?.close();
    };
  }, []);
  const press = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget || !plot.current?.moveCursor(event.key)) return;
    event.preventDefault();
    speak();
  };
  const speak = () => {
    const reading = readingOf(linesNow(), cursor.peek());
    spoken.value = reading === null ? "" : readingText(reading);
  };
  const enter = (event: FocusEvent) => {
    if (event.target !== event.currentTarget || cursor.peek() !== null) return;
    plot.current?.moveCursor("End");
    speak();
  };
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
      <div
        class="plot"
        role="group"
        aria-label={`${title} over time; the arrow keys read its values`}
        tabIndex={alive.value && !empty ? 0 : undefined}
        onKeyDown={press}
        onFocus={enter}
        onBlur={() => plot.current?.hideCursor()}
      >
        <div class="drawing" ref={frame} aria-hidden="true">
          {!alive.value && <Sparkline values={shown?.lines.at(-1)?.values ?? []} label={title} />}
        </div>
        <ChartMarks changes={data.value.changes} axis={axis} />
        <ChartTooltip lines={shown} cursor={cursor} />
      </div>
      <p class="unseen" role="status">{spoken.value}</p>
      <div class="legend" ref={legend} />
      {shown !== null && (
        <figcaption>
          {empty ? "No data in this range." : <Caption shown={shown} />}
          {data.value.changes === null && " Batch runs cannot be marked: they could not be read."}
        </figcaption>
      )}
      {shown !== null && !empty && <DataTable shown={shown} title={title} />}
    </figure>
  );
}

function Caption({ shown: { name, width, tz, covered, open } }: { readonly shown: Lines }) {
  return (
    <>
      {name} per {width}, times in {tz}.
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
              <th scope="col">From ({shown.tz})</th>
              {lines.map(({ label }) => <th key={label} scope="col" class="number">{label}</th>)}
            </tr>
          </thead>
          <tbody>
            {time.slice(from).map((start, i) => (
              <tr key={start}>
                <th scope="row">{instantOf(localOf(shown, start))}</th>
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
