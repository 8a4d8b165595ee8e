/** The state of a metric, kept up to date. */
import type { Signal } from "@preact/signals";
import type { ExplainedTerm } from "../routes/(_parts)/glossary.ts";
import type { MetricInfo } from "../runtime/ports/services.ts";
import { driftText } from "../routes/(_parts)/drift_text.ts";
import { figure, instantText, readsText, spanText } from "../routes/(_parts)/figures.ts";
import { Term } from "../routes/(_parts)/Term.tsx";
import type { MetricData } from "../routes/(_parts)/metric_data.ts";

/** The terms of the glossary among the names of facts. */
const terms: Readonly<Record<string, ExplainedTerm>> = {
  Windows: "window",
  Grain: "grain",
  "Batch run": "run",
  Drift: "drift",
};

/** State, version, windows, run and drift in one line. */
export default function MetricFacts({ info, data }: {
  readonly info: MetricInfo;
  readonly data: Signal<MetricData>;
}) {
  const { state } = data.value;
  const facts: [string, string][] = [
    ["State", state === null ? "unknown" : state.state],
    ["Version", `${info.version}`],
    ["Windows", spanText(info.window_seconds)],
    ["Grain", spanText(info.grain_seconds)],
    ["Batch run", figure(state?.run)],
    ["Published", instantText(state?.batch.published)],
    ["Drift", driftText(state)],
    ["Rows flushed", figure(state?.speed_rows)],
  ];
  const work = state?.batch.under_way;
  if (work) {
    facts.push(["Being computed", `${figure(work.daysDone)} of ${figure(work.days)} days`]);
    facts.push(["Reads", readsText(work)]);
  }
  return (
    <>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{terms[name] === undefined ? name : <Term of={terms[name]}>{name}</Term>}</dt>
            <dd data-state={name === "State" ? value : undefined}>{value}</dd>
          </div>
        ))}
      </dl>
      {state?.error != null && state.state !== "paused" && (
        <p class="note fault" role="status">{state.error}</p>
      )}
    </>
  );
}
