/** Cancels a batch run that is under way, after a question. */
import { useSignal } from "@preact/signals";
import { useId, useRef } from "preact/hooks";
import type { BatchRun } from "../../runtime/ports/services.ts";
import { OperatorName } from "./OperatorName.tsx";
import { postJson } from "./WriteToken.tsx";

/** The button, and the dialog that it opens. */
export function CancelRun({ topic, run }: Pick<BatchRun, "topic" | "run">) {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  const by = useSignal("");
  const busy = useSignal(false);
  const fault = useSignal("");
  const cancel = async (event: Event) => {
    event.preventDefault();
    busy.value = true;
    fault.value = "";
    try {
      const query = new URLSearchParams({ topic });
      await postJson(`/api/v1/batch/runs/${run}/cancel?${query}`, { by: by.value });
      dialog.current?.close();
    } catch (error) {
      fault.value = (error as Error).message;
    }
    busy.value = false;
  };
  return (
    <>
      <button type="button" onClick={() => dialog.current?.showModal()}>Cancel run {run} …</button>
      <dialog ref={dialog} class="question" aria-labelledby={title}>
        <form onSubmit={cancel}>
          <h3 id={title}>Cancel run {run} of {topic}?</h3>
          <p>
            Metrics that the run has published stay. Nothing is left of the others; they go on to
            answer by the run before, and the next scheduled run computes them again.
          </p>
          <OperatorName by={by} />
          <p role="status" class="fault">{busy.value ? "" : fault.value}</p>
          <div class="controls">
            <button type="submit" class="primary" disabled={busy.value || by.value.trim() === ""}>
              {busy.value ? "Cancelling …" : "Cancel run"}
            </button>
            <button type="button" onClick={() => dialog.current?.close()}>Let it run</button>
          </div>
        </form>
      </dialog>
    </>
  );
}
