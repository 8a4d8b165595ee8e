/** The problems of one metric, kept up to date by its live rows. */
import type { Signal } from "@preact/signals";
import type { Problem } from "../runtime/model/problems.ts";
import { ProblemList } from "./(_parts)/ProblemList.tsx";

/** The problems that the metric's answers carry. */
export default function MetricProblems({ shown }: { readonly shown: Signal<readonly Problem[]> }) {
  return <ProblemList problems={shown.value} />;
}
