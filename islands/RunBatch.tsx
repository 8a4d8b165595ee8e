/** Starts a batch run, and tells how it went. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { BatchRun } from "../runtime/ports/services.ts";
import { postJson, WriteToken } from "../routes/(_parts)/WriteToken.tsx";

/** The buttons. */
export default function RunBatch({ topics }: { readonly topics: readonly string[] }) {
  const state = useSignal<{ readonly busy: boolean; readonly text: string }>({
    busy: false,
    text: "",
  });
  const alive = useSignal(false);
  const topic = useSignal(topics[0] ?? "");
  useEffect(() => {
    alive.value = true;
  }, []);
  const start = async (full: boolean) => {
    state.value = { busy: true, text: full ? "Recomputing all days …" : "Running …" };
    try {
      const query = new URLSearchParams({ topic: topic.value, full: String(full) });
      const { run } = await postJson<{ run: BatchRun | null }>(`/api/v1/batch/runs?${query}`);
      const text = run === null ? "No new data." : `Run ${run.run} ${run.state}.`;
      state.value = { busy: false, text };
    } catch (error) {
      state.value = { busy: false, text: `Not done: ${(error as Error).message}` };
    }
  };
  const { busy, text } = state.value;
  return (
    <div class="controls" data-waiting={!alive.value}>
      {topics.length > 1 && (
        <label>
          Topic{" "}
          <select value={topic.value} onChange={(event) => topic.value = event.currentTarget.value}>
            {topics.map((each) => <option key={each}>{each}</option>)}
          </select>
        </label>
      )}
      <button type="button" class="primary" disabled={busy} onClick={() => start(false)}>
        Run now
      </button>
      <button type="button" disabled={busy} onClick={() => start(true)}>
        Recompute all days
      </button>
      <WriteToken />
      <p role="status">{text}</p>
    </div>
  );
}
