/** Keeps a metric's page up to date: reads its data again when the metric has changed. */
import { batch, type Signal, useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { SeriesAnswer } from "../runtime/ports/services.ts";
import { ConnectionText } from "../routes/(_parts)/ConnectionText.tsx";
import { type MetricData, updated } from "../routes/(_parts)/metric_data.ts";
import { getChanged, usePoll } from "../routes/(_parts)/poll.ts";
import type { Row } from "../routes/(_parts)/Rows.tsx";

/** What {@link MetricFeed} takes. */
export interface MetricFeedProps {
  /** What the other islands of the page show. */
  readonly data: Signal<MetricData>;
  readonly series: Signal<SeriesAnswer | null>;
  readonly rows: Signal<readonly Row[]>;
  /** Whether the shown figures are old. */
  readonly stale: Signal<boolean>;
  readonly dataUrl: string;
}

const EVERY_MS = 1000;
/** A span moves with the clock, and other processes publish runs: not only events change a page. */
const OLDEST_MS = 5000;

/** Says whether the page is live, and lets it stand still. */
export default function MetricFeed(props: MetricFeedProps) {
  const { data } = props;
  const paused = useSignal(false);
  const alive = useSignal(false);
  useEffect(() => {
    alive.value = true;
  }, []);
  const asOf = useSignal(data.value.at);
  const tag = useRef<string | null>(null);
  const readMs = useRef(Date.now());
  const reading = usePoll(EVERY_MS, async (signal) => {
    if (paused.peek()) return;
    const { series, rows } = data.peek();
    const askedMs = Date.now();
    const isDue = series.fault !== null || rows.fault !== null ||
      askedMs - readMs.current > OLDEST_MS;
    const next = await getChanged<MetricData>(props.dataUrl, isDue ? null : tag.current, signal);
    if (paused.peek()) return;
    asOf.value = new Date(askedMs).toISOString();
    if (next === null) return;
    tag.current = next.tag;
    readMs.current = askedMs;
    batch(() => {
      data.value = updated(data.peek(), next.answer);
      props.series.value = data.value.series.answer;
      props.rows.value = data.value.rows.answer?.rows ?? [];
    });
  });
  useSignalEffect(() => {
    const { value } = reading;
    props.stale.value = !paused.value && (value === "late" || value === "lost");
  });
  const connection = paused.value ? "paused" : reading.value;
  return (
    <>
      <p class="live" data-connection={connection}>
        <ConnectionText connection={connection} asOf={asOf.value} /> {alive.value && (
          <button
            type="button"
            onClick={() => paused.value = !paused.value}
          >
            {paused.value ? "Resume" : "Pause"}
          </button>
        )}
      </p>
      {[data.value.coverage, data.value.speedRanges].map((note) =>
        note !== null && <p key={note} class="note">{note}</p>
      )}
    </>
  );
}
