/** Whether the process is there and ready, at the top of every page. */
import { useSignal } from "@preact/signals";
import { usePoll } from "./(_parts)/poll.ts";

const EVERY_MS = 3000;

/** Says it as a word with a dot beside it; nothing before the first answer. */
export default function Health() {
  const ready = useSignal<boolean | null>(null);
  const connection = usePoll(EVERY_MS, async (signal) => {
    const within = AbortSignal.any([signal, AbortSignal.timeout(5000)]);
    const response = await fetch("/readyz", { signal: within });
    await response.text();
    ready.value = response.ok;
  }, 0);
  const lost = connection.value === "lost";
  const known = ready.value === null ? "" : ready.value ? "Ready" : "Not ready";
  const text = lost ? "No connection" : known;
  return <p class="state" role="status" data-ready={!lost && ready.value ? "yes" : "no"}>{text}</p>;
}
