/** The events of the last hour by minute, with the part that the batch layer has recomputed. */
import type { Coverage, SeriesAnswer } from "../../runtime/ports/services.ts";
import { coverageText, figure, shortFigure } from "./figures.ts";

const HEIGHT = 100;
/** Of a bucket's width, the part that its bar takes. */
const BAR = 0.8;

/** The bars, and the cut as a position in the log. */
export function Traffic({ traffic }: { readonly traffic: SeriesAnswer }) {
  const { time, series: [line], covered } = traffic;
  const all = time.map((_, i) => line?.values[i] ?? 0);
  const most = Math.max(...all, 1);
  const total = all.reduce((sum, value) => sum + value, 0);
  return (
    <figure class="traffic">
      <div class="bars">
        <span class="most">{shortFigure(most)}</span>
        <svg
          viewBox={`0 0 ${Math.max(time.length, 1)} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`${figure(total)} events in the last hour, by minute`}
        >
          {time.map((start, i) => {
            const batch = (line?.batch?.[i] ?? 0) / most * HEIGHT;
            const whole = all[i] / most * HEIGHT;
            return (
              <g key={start}>
                <title>{minuteText(start, all[i], line?.batch?.[i] ?? 0)}</title>
                <rect class="hit" x={i} width="1" height={HEIGHT} />
                <rect class="speed" x={i} width={BAR} y={HEIGHT - whole} height={whole - batch} />
                <rect class="batch" x={i} width={BAR} y={HEIGHT - batch} height={batch} />
              </g>
            );
          })}
        </svg>
        <p class="ends">
          <span>{clockText(time[0])}</span>
          <span>{clockText(time.at(-1))}</span>
        </p>
      </div>
      {covered !== null && <Seam covered={covered} />}
    </figure>
  );
}

/** The log as one bar: below the cut and above it. */
function Seam({ covered }: { readonly covered: Coverage }) {
  return (
    <figcaption class="cut">
      <svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
        <rect class="speed" width="100" height="1" />
        <rect class="batch" width={Math.floor(covered.share * 1000) / 10} height="1" />
      </svg>
      <p>{coverageText(covered)}</p>
    </figcaption>
  );
}

const isoOf = (seconds: number) => new Date(seconds * 1000).toISOString();

const clockText = (seconds: number | undefined) =>
  seconds === undefined ? "" : isoOf(seconds).slice(11, 16);

const minuteText = (start: number, all: number, batch: number) =>
  `${clockText(start)}: ${figure(all)} events, ${figure(batch)} recomputed by batch`;
