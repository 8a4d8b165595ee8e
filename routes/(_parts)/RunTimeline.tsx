/** Batch runs over time: how long each took, and what it came to for each metric. */
import { useSignal } from "@preact/signals";
import type { PluginRun, RunState } from "../../runtime/ports/services.ts";
import { exactFigure, figure, instantText, spanText } from "./figures.ts";
import { isUnderWay, type ListedRun, runAnchor } from "./listed_run.ts";
import { scaleOf, type TimeScale } from "./run_scale.ts";

/** Each is told apart by its pattern as well; see `static/parts.css`. */
const STATES: readonly RunState[] = [
  "published",
  "running",
  "queued",
  "failed",
  "cancelled",
  "superseded",
  "interrupted",
];

/** The runs, the newest first; hovered or focused, a run shows its facts. */
export function RunTimeline({ runs }: { readonly runs: readonly ListedRun[] }) {
  const chosen = useSignal<string | null>(null);
  const shown = runs.find((run) => runAnchor(run) === chosen.value) ?? runs[0];
  if (shown === undefined) return null;
  const scale = scaleOf(runs);
  const plugins = [...new Set(runs.flatMap((run) => run.plugins.map(({ plugin }) => plugin)))]
    .sort();
  const choose = (run: ListedRun) => chosen.value = runAnchor(run);
  return (
    <section class="timeline panel" aria-labelledby="timeline">
      <div class="row">
        <h2 id="timeline">Timeline</h2>
        <Legend runs={runs} />
      </div>
      <div class="columns">
        <div class="lanes">
          <Patterns />
          <p class="lane-name">Duration, up to {spanText(scale.longestMs / 1000)}</p>
          <svg class="durations" role="group" aria-label="Runs by start and duration">
            {runs.toReversed().map((run) => (
              <RunBar
                key={runAnchor(run)}
                run={run}
                scale={scale}
                isChosen={run === shown}
                choose={() => choose(run)}
              />
            ))}
          </svg>
          {plugins.map((plugin) => (
            <Lane key={plugin} plugin={plugin} runs={runs} scale={scale} shown={shown} />
          ))}
          <p class="ends">
            <span>{instantText(new Date(scale.fromMs).toISOString())}</span>
            <span>{instantText(new Date(scale.toMs).toISOString())}</span>
          </p>
        </div>
        <Facts run={shown} />
      </div>
    </section>
  );
}

function RunBar({ run, scale, isChosen, choose }: {
  readonly run: ListedRun;
  readonly scale: TimeScale;
  readonly isChosen: boolean;
  readonly choose: () => void;
}) {
  const { x, width, height } = scale.place(run);
  const percent = (value: number) => `${value}%`;
  return (
    <a
      href={`#${runAnchor(run)}`}
      aria-label={`Run ${run.run}, ${run.state}, ${timesText(run)}`}
      data-chosen={isChosen}
      onMouseEnter={choose}
      onFocus={choose}
    >
      <rect class="hit" x={percent(x)} width={percent(width)} height="100%" />
      <rect
        class="bar"
        data-run-state={run.state}
        x={percent(x)}
        width={percent(width)}
        y={percent(100 - height)}
        height={percent(height)}
      />
    </a>
  );
}

/** A metric's parts of the runs: the more days, the higher; drift is a mark of its own. */
function Lane({ plugin, runs, scale, shown }: {
  readonly plugin: string;
  readonly runs: readonly ListedRun[];
  readonly scale: TimeScale;
  readonly shown: ListedRun;
}) {
  const parts = runs.flatMap((run) => {
    const part = run.plugins.find((each) => each.plugin === plugin);
    return part === undefined ? [] : [{ run, part, ...scale.place(run) }];
  });
  const most = Math.max(1, ...parts.map(({ part }) => part.days));
  return (
    <>
      <p class="lane-name">
        <a href={`/plugins/${plugin}`}>{plugin}</a>
      </p>
      <svg class="lane" aria-hidden="true">
        {parts.map(({ run, part, x, width }) => {
          const height = 25 + 55 * Math.sqrt(part.days / most);
          return (
            <g key={runAnchor(run)} data-chosen={run === shown}>
              <rect
                class="bar"
                data-run-state={part.status}
                x={`${x}%`}
                width={`${width}%`}
                y={`${100 - height}%`}
                height={`${height}%`}
              />
              {drifts(part) && <circle class="drifts" cx={`${x + width / 2}%`} cy="4" r="3" />}
            </g>
          );
        })}
      </svg>
    </>
  );
}

const drifts = ({ drift }: PluginRun) => drift !== null && drift !== 0;

function Facts({ run }: { readonly run: ListedRun }) {
  return (
    <div class="run-facts">
      <p>
        <b>Run {run.run}</b> <span data-state={run.state}>{run.state}</span>
        <span class="when">{timesText(run)}</span>
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">Metric</th>
            <th scope="col" class="number">Days</th>
            <th scope="col" class="number">Events</th>
            <th scope="col" class="number">Rows</th>
            <th scope="col" class="number">Drift</th>
          </tr>
        </thead>
        <tbody>
          {run.plugins.map((part) => (
            <tr key={part.plugin}>
              <th scope="row">
                {part.plugin}
                {(run.finished === null || part.status !== run.state) && (
                  <span class="part-state" data-state={part.status}>{part.status}</span>
                )}
              </th>
              <td class="number">{daysText(part)}</td>
              <td class="number">{part.events === null ? "–" : figure(part.events)}</td>
              <td class="number">{isUnderWay(part.status) ? "–" : figure(part.rows)}</td>
              <td class="number">{isUnderWay(part.status) ? "–" : exactFigure(part.drift)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function timesText({ started, finished }: ListedRun): string {
  const since = instantText(started);
  if (finished === null) return `since ${since}`;
  return `${since}, ${spanText((Date.parse(finished) - Date.parse(started)) / 1000)}`;
}

const daysText = ({ days, daysDone }: PluginRun) =>
  days === daysDone ? figure(days) : `${figure(daysDone)} of ${figure(days)}`;

/** How many runs are in each state. */
function Legend({ runs }: { readonly runs: readonly ListedRun[] }) {
  const states = STATES.map((state) => ({
    state,
    count: runs.filter((run) => run.state === state).length,
  }));
  return (
    <ul class="run-legend">
      {states.filter(({ count }) => count > 0).map(({ state, count }) => (
        <li key={state}>
          <svg aria-hidden="true">
            <rect class="bar" data-run-state={state} width="100%" height="100%" />
          </svg>
          {count} {state}
        </li>
      ))}
      {runs.some(({ plugins }) => plugins.some(drifts)) && (
        <li>
          <svg aria-hidden="true">
            <circle class="drifts" cx="50%" cy="50%" r="3" />
          </svg>
          drift
        </li>
      )}
    </ul>
  );
}

/** What fills bars whose state no colour alone should tell. */
function Patterns() {
  const lines = { width: 6, height: 6, patternUnits: "userSpaceOnUse" } as const;
  return (
    <svg class="patterns" aria-hidden="true">
      <pattern id="run-failed" {...lines}>
        <path d="M0 0l6 6M6 0l-6 6" />
      </pattern>
      <pattern id="run-running" {...lines} patternTransform="rotate(45)">
        <path d="M0 0v6M3 0v6" />
      </pattern>
      <pattern id="run-superseded" {...lines}>
        <path d="M0 2h6M0 5h6" />
      </pattern>
    </svg>
  );
}
