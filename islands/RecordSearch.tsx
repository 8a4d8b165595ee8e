/** Events with a value: searches further back, step by step, and says how far it got. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { RecordScan, RecordView } from "../runtime/ports/services.ts";
import { figure, instantText } from "../routes/(_parts)/figures.ts";
import { getJson } from "../routes/(_parts)/poll.ts";
import { RecordTable } from "../routes/(_parts)/RecordTable.tsx";

/** Records that a search looks through before it asks whether to go on. */
const MOST_SCANNED = 200_000;
/** Events that it finds before that. */
const MOST_FOUND = 50;

/** An answer of a search. */
export interface Found {
  readonly events: readonly RecordView[];
  readonly next: string | null;
  readonly scanned: RecordScan;
}

/** @param props.query the question without its place, such as `field=user_id&value=7`. */
export default function RecordSearch({ first, query, more }: {
  readonly first: Found;
  readonly query: string;
  /** Leads further back without scripts. */
  readonly more: string | null;
}) {
  const found = useSignal(first);
  const alive = useSignal(false);
  const fault = useSignal<string | null>(null);
  const search = useRef<AbortController | null>(null);
  const running = useSignal(false);
  const goOn = async () => {
    const stop = search.current = new AbortController();
    running.value = true;
    fault.value = null;
    const { scanned: { records: from }, events: { length } } = found.peek();
    try {
      for (;;) {
        const { next, scanned, events } = found.peek();
        const isDone = next === null || scanned.records - from >= MOST_SCANNED ||
          events.length - length >= MOST_FOUND;
        if (isDone || stop.signal.aborted) break;
        const asked = new URLSearchParams(query);
        asked.set("before", next);
        const step = await getJson<Found>(`/api/v1/events?${asked}`, stop.signal);
        found.value = {
          events: [...events, ...step.events],
          next: step.next,
          scanned: { ...step.scanned, records: scanned.records + step.scanned.records },
        };
      }
    } catch (error) {
      if (!stop.signal.aborted) fault.value = (error as Error).message;
    }
    running.value = false;
  };
  useEffect(() => {
    alive.value = true;
    if (first.events.length < MOST_FOUND) goOn();
    return () => search.current?.abort();
  }, []);
  const { events, next, scanned } = found.value;
  const all = scanned.records + scanned.left;
  return (
    <>
      <p class="search-state" role="status">
        {figure(events.length)} found. {scannedText(scanned)}
      </p>
      {running.value && <progress value={scanned.records} max={all} aria-label="Searched" />}
      {fault.value !== null && <p class="note fault" role="status">Stopped: {fault.value}</p>}
      {events.length > 0 && <RecordTable records={events} label="Records found" />}
      {next !== null && (
        <p class="controls">
          {alive.value
            ? (
              <button
                type="button"
                onClick={() => running.value ? search.current?.abort() : goOn()}
              >
                {running.value ? "Stop" : "Search further back"}
              </button>
            )
            : more !== null && <a href={more}>Search further back</a>}
        </p>
      )}
    </>
  );
}

function scannedText({ records, left, back_to }: RecordScan): string {
  if (left === 0) return `Scanned all ${figure(records)} records.`;
  const until = back_to === null ? "" : ` back to ${instantText(back_to)}`;
  return `Scanned ${figure(records)} of ${figure(records + left)} records${until}.`;
}
