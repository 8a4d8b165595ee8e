/** Batch runs on a timeline and as a list, the newest first, kept up to date. */
import { useSignal } from "@preact/signals";
import type { PluginRun } from "../runtime/ports/services.ts";
import {
  exactFigure,
  figure,
  instantText,
  readsText,
  spanText,
} from "../routes/(_parts)/figures.ts";
import { CancelRun } from "../routes/(_parts)/CancelRun.tsx";
import { Term } from "../routes/(_parts)/Term.tsx";
import { isUnderWay, type ListedRun, runAnchor } from "../routes/(_parts)/listed_run.ts";
import { getJson, usePoll } from "../routes/(_parts)/poll.ts";
import { RunTimeline } from "../routes/(_parts)/RunTimeline.tsx";

const EVERY_MS = 2000;

/** The runs; `url` lists them again. */
export default function RunList(props: {
  readonly initial: readonly ListedRun[] | null;
  /** Why there are none. */
  readonly fault: string | null;
  readonly url: string;
}) {
  const runs = useSignal(props.initial);
  const fault = useSignal(props.fault);
  const alive = useSignal(false);
  usePoll(EVERY_MS, async (signal) => {
    alive.value = true;
    try {
      runs.value = (await getJson<{ runs: readonly ListedRun[] }>(props.url, signal)).runs;
      fault.value = null;
    } catch (error) {
      fault.value = `Retrying …: ${(error as Error).message}`;
      throw error;
    }
  });
  return (
    <div data-stale={fault.value === null ? undefined : "yes"}>
      {fault.value !== null && <p class="note fault" role="status">{fault.value}</p>}
      {runs.value?.length === 0 && (
        <p class="note">No runs. The first run starts once a block is archived.</p>
      )}
      {runs.value !== null && <RunTimeline runs={runs.value} />}
      {runs.value?.map((run, i) => (
        <Run
          key={runAnchor(run)}
          run={run}
          open={i === 0 || run.finished === null}
          alive={alive.value}
        />
      ))}
    </div>
  );
}

/** @param props.alive whether scripts run, so that a run can be cancelled. */
function Run({ run, open, alive }: {
  readonly run: ListedRun;
  readonly open: boolean;
  readonly alive: boolean;
}) {
  const partsOf = (state: PluginRun["status"]) =>
    run.plugins.filter(({ status }) => status === state).length;
  const failed = partsOf("failed");
  // Metrics that were published before it ended stay.
  const isPartial = run.finished !== null && run.state !== "published";
  return (
    <details class="run" id={runAnchor(run)} open={open || failed > 0}>
      <summary>
        <b>Run {run.run}</b> <span data-state={run.state}>{run.state}</span>
        <span>
          {" · "}
          {run.topic}, {timesOf(run)}
          {failed === 0 ? "" : `, ${failed} failed`}
          {isPartial && `, ${partsOf("published")} of ${run.plugins.length} metrics published`}
        </span>
      </summary>
      {alive && run.finished === null && (
        <div class="controls">
          <CancelRun topic={run.topic} run={run.run} />
        </div>
      )}
      <div
        class="scroll"
        tabIndex={0}
        role="region"
        aria-label={`Run ${run.run} of ${run.topic}`}
      >
        <table>
          <thead>
            <tr>
              <th scope="col">Metric</th>
              <th scope="col">Status</th>
              <th scope="col">Mode</th>
              <th scope="col" class="number">Days</th>
              <th scope="col" class="number">Reads</th>
              <th scope="col" class="number">Rows</th>
              <th scope="col" class="number">Seconds</th>
              <th scope="col" class="number">
                <Term of="drift">Drift</Term>
              </th>
              <th scope="col" class="number">
                <Term of="unseen repeat">Unseen repeats</Term>
              </th>
            </tr>
          </thead>
          <tbody>{run.plugins.map((part) => <Part key={part.plugin} part={part} />)}</tbody>
        </table>
      </div>
    </details>
  );
}

function timesOf({ started, finished, plugins }: ListedRun): string {
  if (finished === null) {
    const ended = plugins.filter(({ status }) => !isUnderWay(status));
    return `since ${instantText(started)}, ${ended.length} of ${plugins.length} metrics done`;
  }
  const seconds = (Date.parse(finished) - Date.parse(started)) / 1000;
  return `finished ${instantText(finished)} after ${spanText(seconds)}`;
}

/** What an unfinished part has not come to yet has a dash. */
function Part({ part }: { readonly part: PluginRun }) {
  const { plugin, status, mode, days, daysDone, notCompared } = part;
  const whenDone = (text: string) => isUnderWay(status) ? "–" : text;
  return (
    <tr>
      <th scope="row">
        <a href={`/plugins/${plugin}`}>{plugin}</a>
      </th>
      <td>
        <span data-state={status}>{status}</span>
        {part.error !== "" && <p class="fault">{part.error}</p>}
      </td>
      <td>{mode}</td>
      <td class="number">
        {daysDone === days ? figure(days) : `${figure(daysDone)} of ${figure(days)}`}
      </td>
      <td class="number">{readsText(part)}</td>
      <td class="number">{whenDone(figure(part.rows))}</td>
      <td class="number">{whenDone(part.seconds.toFixed(2))}</td>
      <td class="number">
        {whenDone(
          notCompared === null ? exactFigure(part.drift) : `not compared: ${notCompared.message}`,
        )}
      </td>
      <td class="number">{whenDone(figure(part.unseenRepeats))}</td>
    </tr>
  );
}
