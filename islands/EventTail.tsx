/** The newest records of the log, as they come. */
import { type Signal, useSignal } from "@preact/signals";
import type { RecordView } from "../runtime/ports/services.ts";
import { getJson, usePoll } from "../routes/(_parts)/poll.ts";
import { RecordTable } from "../routes/(_parts)/RecordTable.tsx";

const EVERY_MS = 1000;
const SHOWN = 50;

interface Page {
  readonly events: readonly RecordView[];
  readonly newest: string;
}

/** @param props.query the question for the newest, such as `partition=1`. */
export default function EventTail(props: {
  readonly events: readonly RecordView[];
  readonly newest: string;
  readonly query: string;
  /** Whether new records wait. */
  readonly paused: Signal<boolean>;
}) {
  const events = useSignal(props.events);
  const newest = useSignal(props.newest);
  usePoll(EVERY_MS, async (signal) => {
    if (props.paused.peek()) return;
    const query = new URLSearchParams(props.query);
    query.set("limit", "1000");
    query.set("after", newest.value);
    const page = await getJson<Page>(`/api/v1/events?${query}`, signal);
    if (page.events.length === 0) return;
    newest.value = page.newest;
    events.value = [...page.events.toReversed(), ...events.value].slice(0, SHOWN);
  });
  return events.value.length === 0
    ? <p class="note">No records yet.</p>
    : <RecordTable records={events.value} label="Newest records" />;
}
