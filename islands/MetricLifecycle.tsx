/** Pauses, resumes and drops a metric, for who may write. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { withToken, WriteToken } from "../routes/(_parts)/WriteToken.tsx";

/** The buttons; what a paused metric shows is said by its problem. */
export default function MetricLifecycle({ name, isPaused }: {
  readonly name: string;
  readonly isPaused: boolean;
}) {
  const alive = useSignal(false);
  const busy = useSignal(false);
  const by = useSignal("");
  const text = useSignal("");
  useEffect(() => {
    alive.value = true;
  }, []);
  const send = async (verb: "pause" | "resume" | "drop", next: string) => {
    busy.value = true;
    text.value = "Working …";
    try {
      const body = verb === "drop" ? {} : { by: by.value };
      const response = await fetch(
        `/api/v1/plugins/${encodeURIComponent(name)}/${verb}`,
        withToken({
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
        }),
      );
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.detail ?? `the server answered ${response.status}`);
      location.assign(next);
    } catch (error) {
      busy.value = false;
      text.value = `Not done: ${(error as Error).message}`;
    }
  };
  const drop = () => {
    const question = `Drop all tables and relations of ${name}? They are built again when the ` +
      "metric is resumed.";
    if (confirm(question)) send("drop", "/plugins");
  };
  const isNamed = by.value.trim() !== "";
  return (
    <details class="lifecycle" hidden={!alive.value}>
      <summary>{isPaused ? "Resume or drop this metric" : "Pause this metric"}</summary>
      <p class="hint">
        {isPaused
          ? "A resumed metric catches up from the log and the archive. Dropping removes its tables."
          : "A paused metric counts no new events, in any process, until it is resumed. It goes on " +
            "to answer as of now, and says so. Once paused, it can be dropped."}
      </p>
      <div class="controls">
        <label>
          <span>Your name, for the record</span>
          <input
            value={by.value}
            maxLength={200}
            onInput={(event) => by.value = event.currentTarget.value}
          />
        </label>
        <button
          type="button"
          class="primary"
          disabled={busy.value || !isNamed}
          onClick={() => send(isPaused ? "resume" : "pause", location.href)}
        >
          {isPaused ? "Resume metric" : "Pause metric"}
        </button>
        {isPaused && (
          <button type="button" disabled={busy.value} onClick={drop}>
            Drop tables
          </button>
        )}
        <WriteToken />
        <p role="status">{text.value}</p>
      </div>
    </details>
  );
}
