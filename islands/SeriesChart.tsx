/** A metric over time: a line per key, or one whose batch part and speed part show the seam. */
import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { SeriesAnswer } from "../runtime/ports/services.ts";
import { drawOptions, type Lines, linesOf, newSince } from "./(_parts)/chart.ts";
import { figure, instantText, label, spanText } from "./(_parts)/figures.ts";
import { type Again, getJson, onPulse } from "./(_parts)/poll.ts";
import type { Names } from "./(_parts)/Rows.tsx";
import { Sparkline } from "./(_parts)/Sparkline.tsx";

/** What {@link SeriesChart} takes. */
export interface SeriesChartProps {
  /** What is shown, also to others of the page; the newest answer once the chart is alive. */
  readonly shown: Signal<SeriesAnswer>;
  /** The batch layer's part of the same buckets; null where the seam is not shown. */
  readonly batch: SeriesAnswer | null;
  /** Where the same is asked again. */
  readonly again: Again;
  readonly chart: "bar" | "line";
  readonly title: string;
  readonly names: Names;
  /** Moves when the metric has changed. */
  readonly pulse: Signal<number>;
}

const MOST_ROWS = 200;

/** The chart, with its data as a table too. */
export default function SeriesChart(props: SeriesChartProps) {
  const shown = useSignal<Lines>(linesOf(props.shown.peek(), props.batch, props));
  const frame = useRef<HTMLDivElement>(null);
  const alive = useSignal(false);
  useEffect(() => {
    const element = frame.current!;
    let plot: uPlot | null = null;
    const draw = () => {
      const { time, lines } = shown.value;
      const data = [time, ...lines.map(({ values }) => values)] as unknown as uPlot.AlignedData;
      const known = plot !== null && plot.series.length === lines.length + 1;
      if (known) return plot!.setData(data);
      plot?.destroy();
      plot = new uPlot(drawOptions(element, shown), data, element);
    };
    const anew = () => {
      plot?.destroy();
      plot = null;
      draw();
    };
    alive.value = true;
    draw();
    const stopShowing = shown.subscribe(draw);
    const resized = new ResizeObserver(() =>
      plot?.setSize({ width: element.clientWidth, height: element.clientHeight })
    );
    resized.observe(element);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", anew);
    addEventListener("themechange", anew);
    const stopAsking = onPulse(props.pulse, async () => {
      const [answer, batch] = await Promise.all([
        getJson<SeriesAnswer>(newSince(props, "shown")),
        props.batch === null ? null : getJson<SeriesAnswer>(newSince(props, "batch")),
      ]);
      return () => {
        props.shown.value = answer;
        shown.value = linesOf(answer, batch, props);
      };
    });
    return () => {
      stopShowing();
      stopAsking();
      resized.disconnect();
      dark.removeEventListener("change", anew);
      removeEventListener("themechange", anew);
      plot?.destroy();
    };
  }, []);
  const { lines, bucketSeconds, seam } = shown.value;
  const empty = lines.every(({ values }) => values.every((value) => value === null));
  return (
    <figure class="chart" data-empty={empty ? "yes" : undefined}>
      <div class="plot" ref={frame} aria-hidden="true">
        {!alive.value && <Sparkline values={lines.at(-1)?.values ?? []} label={props.title} />}
      </div>
      <figcaption>
        {empty ? "No data in this range." : (
          <>
            {label(props.shown.peek().measure)} per {spanText(bucketSeconds)}, times in UTC.
            {seam !== null && (
              <>
                {" "}
                The batch run covers everything up to{" "}
                {instantOf(seam)}; later events come from the speed layer.
              </>
            )}
          </>
        )}
      </figcaption>
      {!empty && <DataTable shown={shown.value} title={props.title} />}
    </figure>
  );
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
                {lines.map(({ label, values }) => (
                  <td key={label} class="number">{figure(values[from + i])}</td>
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
