/** Whether the process is there and ready, at the top of every page. */
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { usePoll } from "../routes/(_parts)/poll.ts";

const EVERY_MS = 3000;

/** Brings the present page's entry into the menu's view, which is narrow on phones. */
function useMenuInView(): void {
  useEffect(() => {
    const nav = document.querySelector("nav.pages");
    const entry = nav?.querySelector<HTMLElement>("a.here");
    if (nav && entry) nav.scrollLeft = entry.offsetLeft - (nav.clientWidth - entry.offsetWidth) / 2;
  }, []);
}

/** Says it as a word with a dot beside it; nothing before the first answer. */
export default function Health() {
  useMenuInView();
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
