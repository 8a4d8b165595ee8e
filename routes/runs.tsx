/** The batch runs, the newest first, and starting one. */
import { page } from "fresh";
import { Head } from "fresh/runtime";
import { exactFigure, figure, instantText, spanText } from "../islands/(_parts)/figures.ts";
import RunBatch from "../islands/RunBatch.tsx";
import type { BatchRun } from "../runtime/ports/services.ts";
import { define, outcomeOf } from "./(_shared)/define.ts";

const SHOWN = 50;

export const handler = define.handlers({
  async GET({ state: { services, signal } }) {
    const asked = Promise.all([...services.batch.values()].map((layer) => layer.history(SHOWN)));
    const { answer, fault } = await outcomeOf(asked, signal);
    const runs = (answer ?? []).flat().sort((a, b) => a.finished < b.finished ? 1 : -1);
    return page({ runs: runs.slice(0, SHOWN), fault, topics: [...services.batch.keys()] });
  },
});

export default define.page<typeof handler>(({ data: { runs, fault, topics } }) => (
  <>
    <Head>
      <title>Batch runs · Twofold</title>
    </Head>
    <div class="heading">
      <h1>Batch runs</h1>
      <p>
        A run recomputes the days that changed from the archive, up to its cut. Drift is the
        difference between the speed and the batch layer over the events that both have seen.
      </p>
    </div>
    <RunBatch topics={topics} />
    {fault !== null && <p class="note fault" role="status">{fault}</p>}
    {fault === null && runs.length === 0 && (
      <p class="note">No runs yet. The first run starts once a block is archived.</p>
    )}
    {runs.map((run, i) => <Run key={`${run.topic} ${run.run}`} run={run} open={i === 0} />)}
  </>
));

function Run({ run, open }: { readonly run: BatchRun; readonly open: boolean }) {
  const seconds = (Date.parse(run.finished) - Date.parse(run.started)) / 1000;
  const cut = Object.values(run.cut).flat().reduce((sum, offset) => sum + Number(offset), 0);
  const failed = run.plugins.filter(({ status }) => status === "failed").length;
  const title = `Run ${run.run} of ${run.topic}`;
  return (
    <details class="run" open={open || failed > 0}>
      <summary>
        <b>Run {run.run}</b>{" "}
        <span>
          {run.topic}, finished {instantText(run.finished)} after {spanText(seconds)}, cut at{" "}
          {figure(cut)} records{failed === 0 ? "" : `, ${failed} failed`}
        </span>
      </summary>
      <div class="scroll" tabIndex={0} role="region" aria-label={title}>
        <table>
          <thead>
            <tr>
              <th scope="col">Metric</th>
              <th scope="col">Status</th>
              <th scope="col">Mode</th>
              <th scope="col" class="number">Days</th>
              <th scope="col" class="number">Rows</th>
              <th scope="col" class="number">Seconds</th>
              <th scope="col" class="number">Drift</th>
              <th scope="col" class="number">Unseen repeats</th>
            </tr>
          </thead>
          <tbody>
            {run.plugins.map((plugin) => (
              <tr key={plugin.plugin}>
                <th scope="row">
                  <a href={`/plugins/${plugin.plugin}`}>{plugin.plugin}</a>
                </th>
                <td>
                  <span data-state={plugin.status}>{plugin.status}</span>
                  {plugin.error !== "" && <p class="fault">{plugin.error}</p>}
                </td>
                <td>{plugin.mode}</td>
                <td class="number">{figure(plugin.days)}</td>
                <td class="number">{figure(plugin.rows)}</td>
                <td class="number">{plugin.seconds.toFixed(2)}</td>
                <td class="number">
                  {plugin.notCompared === null
                    ? exactFigure(plugin.drift)
                    : `not compared: ${plugin.notCompared.message}`}
                </td>
                <td class="number">{figure(plugin.unseenRepeats)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
