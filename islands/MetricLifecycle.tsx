/** Pauses, resumes, rebuilds and drops a metric, for who may write. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { BatchRun, RebuildAnswer } from "../runtime/ports/services.ts";
import { readsText } from "../routes/(_parts)/figures.ts";
import { OperatorName } from "../routes/(_parts)/OperatorName.tsx";
import { postJson, WriteToken } from "../routes/(_parts)/WriteToken.tsx";

/** The buttons; what a paused metric shows is said by its problem. */
export default function MetricLifecycle({ name, isPaused }: {
  readonly name: string;
  readonly isPaused: boolean;
}) {
  const alive = useSignal(false);
  const busy = useSignal(false);
  const by = useSignal("");
  const from = useSignal("");
  const to = useSignal("");
  const text = useSignal("");
  useEffect(() => {
    alive.value = true;
  }, []);
  const post = <Answer,>(verb: string, body: object) =>
    postJson<Answer>(`/api/v1/plugins/${encodeURIComponent(name)}/${verb}`, body);
  /** Does something; `done` returns what to say of it, or null where another page follows. */
  const attempt = async (done: () => Promise<string | null>) => {
    busy.value = true;
    text.value = "Working …";
    try {
      const said = await done();
      if (said === null) return;
      text.value = said;
    } catch (error) {
      text.value = `Not done: ${(error as Error).message}`;
    }
    busy.value = false;
  };
  const send = (verb: string, body: object, next: string) =>
    attempt(async () => {
      await post(verb, body);
      location.assign(next);
      return null;
    });
  const drop = () => {
    const question = `Drop all tables and relations of ${name}? They are built again when the ` +
      "metric is resumed.";
    if (confirm(question)) send("drop", {}, "/plugins");
  };
  const rebuild = () =>
    attempt(async () => {
      const days = { from: from.value || undefined, to: to.value || undefined };
      const { reads, days_outside: { length: outside } } = await post<RebuildAnswer>(
        "rebuild",
        { ...days, dry_run: true },
      );
      const along = outside === 0 ? "" : `, ${outside} of them outside the range (new events)`;
      const question = `Rebuild ${name}? This reads ${readsText(reads)} of ` +
        `${daysText(reads.days)}${along}.`;
      if (!confirm(question)) return "";
      const { run } = await post<RebuildAnswer>("rebuild", days);
      return rebuiltText(run!);
    });
  return (
    <details class="lifecycle" hidden={!alive.value}>
      <summary>
        {isPaused ? "Resume or drop this metric" : "Pause or rebuild this metric"}
      </summary>
      <p class="hint">
        {isPaused
          ? "A resumed metric catches up from the log and the archive. Dropping removes its tables."
          : "A paused metric counts no new events, in any process, until it is resumed. It goes on " +
            "to answer as of now, and says so. Once paused, it can be dropped."}
      </p>
      <div class="controls">
        <OperatorName by={by} />
        <button
          type="button"
          class="primary"
          disabled={busy.value || by.value.trim() === ""}
          onClick={() => send(isPaused ? "resume" : "pause", { by: by.value }, location.href)}
        >
          {isPaused ? "Resume metric" : "Pause metric"}
        </button>
        {isPaused && (
          <button type="button" disabled={busy.value} onClick={drop}>
            Drop tables
          </button>
        )}
      </div>
      {!isPaused && (
        <>
          <p class="hint">
            A rebuild recomputes batch rows from the archive: of all days, or of those chosen. The
            metric answers as before until the new rows are published.
          </p>
          <div class="controls">
            {([["First day", from], ["Last day", to]] as const).map(([label, day]) => (
              <label key={label}>
                <span>{label}</span>
                <input
                  type="date"
                  value={day.value}
                  onInput={(event) =>
                    day.value = event.currentTarget.value}
                />
              </label>
            ))}
            <button type="button" disabled={busy.value} onClick={rebuild}>Rebuild …</button>
          </div>
        </>
      )}
      <WriteToken />
      <p role="status">{text.value}</p>
    </details>
  );
}

function rebuiltText({ run, plugins: [{ status, days, error }] }: BatchRun): string {
  if (status !== "published") return `Run ${run} was not published (${status}). ${error}`;
  return `Rebuilt ${daysText(days)} as run ${run}.`;
}

const daysText = (days: number) => days === 1 ? "1 day" : `${days} days`;
