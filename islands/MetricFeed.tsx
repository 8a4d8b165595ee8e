/** Keeps a metric's page up to date: reads its data again when the metric has changed. */
import { batch, type Signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { MetricAnswer, SeriesAnswer } from "../runtime/ports/services.ts";
import { instantText } from "../routes/(_parts)/figures.ts";
import { type MetricData, updated } from "../routes/(_parts)/metric_data.ts";
import { getJson, useFollow, usePoll } from "../routes/(_parts)/poll.ts";
import type { Row } from "../routes/(_parts)/Rows.tsx";

/** What {@link MetricFeed} takes. */
export interface MetricFeedProps {
  /** What the other islands of the page show. */
  readonly data: Signal<MetricData>;
  readonly series: Signal<SeriesAnswer | null>;
  readonly rows: Signal<readonly Row[]>;
  /** Whether what is shown is older than the newest attempt to read it. */
  readonly stale: Signal<boolean>;
  /** Server-sent events of the metric: each is a reason to read the data again. */
  readonly liveUrl: string;
  readonly dataUrl: string;
}

const EVERY_MS = 1000;
/** Facts such as the batch run change without an event of the metric. */
const OLDEST_MS = 5000;

/** Says whether the page is live, and lets it stand still. */
export default function MetricFeed(props: MetricFeedProps) {
  const { data } = props;
  const paused = useSignal(false);
  const alive = useSignal(false);
  useEffect(() => {
    alive.value = true;
  }, []);
  const changed = useRef(false);
  const readMs = useRef(Date.now());
  const following = useFollow<MetricAnswer>(props.liveUrl, () => changed.current = true);
  const reading = usePoll(EVERY_MS, async (signal) => {
    const { series, rows } = data.peek();
    const due = changed.current || following.peek() !== "live" || series.fault !== null ||
      rows.fault !== null || Date.now() - readMs.current > OLDEST_MS;
    if (paused.peek() || !due) return;
    changed.current = false;
    try {
      const next = await getJson<MetricData>(props.dataUrl, signal);
      readMs.current = Date.now();
      batch(() => {
        data.value = updated(data.peek(), next);
        props.series.value = data.value.series.answer;
        props.rows.value = data.value.rows.answer?.rows ?? [];
        props.stale.value = false;
      });
    } catch (error) {
      changed.current = true;
      props.stale.value = true;
      throw error;
    }
  });
  const connection = reading.value;
  const text = paused.value
    ? `Paused, as of ${instantText(data.value.at)}`
    : connection === "lost"
    ? `Disconnected, retrying …, as of ${instantText(data.value.at)}`
    : connection === "live"
    ? "Live"
    : "";
  return (
    <>
      <p class="live" role="status" data-connection={paused.value ? "waiting" : connection}>
        <span>{text}</span> {alive.value && (
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
