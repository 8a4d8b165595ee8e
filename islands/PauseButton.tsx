/** Holds what follows the newest data, and lets it go on. */
import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

/** The button; it has its room before its script runs. */
export default function PauseButton({ paused }: { readonly paused: Signal<boolean> }) {
  const alive = useSignal(false);
  useEffect(() => {
    alive.value = true;
  }, []);
  return (
    <button
      type="button"
      data-waiting={!alive.value}
      onClick={() => paused.value = !paused.value}
    >
      {paused.value ? "Resume" : "Pause"}
    </button>
  );
}
