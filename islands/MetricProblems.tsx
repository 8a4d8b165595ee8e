/** The problems of one metric, kept up to date. */
import type { Signal } from "@preact/signals";
import type { MetricData } from "../routes/(_parts)/metric_data.ts";
import { ProblemList } from "../routes/(_parts)/ProblemList.tsx";

/** The problems that the metric's answers carry. */
export default function MetricProblems({ data }: { readonly data: Signal<MetricData> }) {
  return <ProblemList problems={data.value.problems} />;
}
