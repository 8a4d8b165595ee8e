/** How a plugin stands, and what its author wrote. */
import { exactFigure, figure, instantText, spanText } from "../../islands/(_parts)/figures.ts";
import type { MetricInfo, PluginStatus, PluginText } from "../../runtime/ports/services.ts";

/** The drift of a metric, or why there is none to tell. */
export function driftText(state: PluginStatus | null): string {
  const unknown = state?.not_compared ?? null;
  if (unknown === null || state?.drift !== null) return exactFigure(state?.drift);
  const since = unknown.since === null ? "" : ` (since ${instantText(unknown.since)})`;
  return `not compared: ${unknown.message}${since}`;
}

/** State, version, windows, run and drift in one line. */
export function PluginFacts({ info, state }: {
  readonly info: MetricInfo;
  readonly state: PluginStatus | null;
}) {
  const facts: [string, string][] = [
    ["State", state === null ? "unknown" : state.state],
    ["Version", `${info.version}`],
    ["Windows", spanText(info.window_seconds)],
    ["Grain", info.grain],
    ["Batch run", figure(state?.run)],
    ["Published", instantText(state?.batch.published)],
    ["Drift", driftText(state)],
    ["Rows flushed", figure(state?.speed_rows)],
  ];
  return (
    <>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd data-state={name === "State" ? value : undefined}>{value}</dd>
          </div>
        ))}
      </dl>
      {state?.error != null && <p class="note fault" role="status">{state.error}</p>}
    </>
  );
}

/** Declaration, batch SQL, relations. */
export function PluginTexts({ text }: { readonly text: PluginText }) {
  const { relations } = text;
  return (
    <section aria-labelledby="declared">
      <h2 id="declared">Definition</h2>
      <p class="hint">
        SQL relations: <code>{relations.merged}</code>, <code>{relations.batch}</code>,{" "}
        <code>{relations.speed}</code>
      </p>
      <details class="source">
        <summary>
          Declaration, <code>{text.file}</code>
        </summary>
        <pre tabIndex={0}><code>{text.source}</code></pre>
      </details>
      <details class="source">
        <summary>Batch SQL</summary>
        <pre tabIndex={0}><code>{text.batch_sql}</code></pre>
      </details>
    </section>
  );
}
