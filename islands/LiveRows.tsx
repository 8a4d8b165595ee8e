/** A metric's rows, as the page's data has them. */
import type { Signal } from "@preact/signals";
import type { MetricData } from "../routes/(_parts)/metric_data.ts";
import { Rows, type RowsProps } from "../routes/(_parts)/Rows.tsx";
import { Fault } from "../routes/(_parts)/Fault.tsx";

/** What {@link LiveRows} takes. */
export interface LiveRowsProps extends Omit<RowsProps, "rows" | "columns" | "names"> {
  readonly data: Signal<MetricData>;
  readonly stale: Signal<boolean>;
}

/** The rows; where the newest attempt failed, the last rows with the fault. */
export default function LiveRows({ data, stale, ...props }: LiveRowsProps) {
  const { rows, names } = data.value;
  const { answer } = rows;
  return (
    <div data-stale={stale.value || rows.fault !== null ? "yes" : undefined}>
      <Fault part={rows} />
      {answer?.rows.length === 0 && <p class="note">No matching rows.</p>}
      {answer !== null && answer.rows.length > 0 && (
        <Rows {...props} columns={answer.columns} rows={answer.rows} names={names} />
      )}
    </div>
  );
}
