/** The data of a metric's page, read at one moment. */
import type { Problem } from "../../runtime/model/problems.ts";
import type { MetricAnswer, PluginStatus, SeriesAnswer } from "../../runtime/ports/services.ts";
import type { MetricChanges } from "./chart_marks.ts";
import type { Without } from "./link_with.ts";
import type { Names } from "./Rows.tsx";

/** An answer, the fault of the newest attempt, or both: then the answer is an earlier one. */
export interface Part<Answer> {
  readonly answer: Answer | null;
  readonly fault: string | null;
  /** The way out, where a parameter of the page is at fault. */
  readonly without?: Without | null;
  /** When the answer was read, ISO 8601. */
  readonly at: string;
}

/** What a chart draws. */
export type ChartData = Pick<MetricData, "series" | "names" | "changes">;

/** What a metric's page shows. */
export interface MetricData {
  /** When it was read, ISO 8601, by the server's clock. */
  readonly at: string;
  readonly series: Part<SeriesAnswer>;
  readonly rows: Part<MetricAnswer>;
  /** What changed the metric in the time of the series; null where that could not be read. */
  readonly changes: MetricChanges | null;
  /** The range of chart and rows as the API has it, ISO 8601; null where open. */
  readonly from: string | null;
  readonly to: string | null;
  /** Which time chart and rows really cover, where that is not what was chosen; else null. */
  readonly coverage: string | null;
  /** Which of it the speed layer counts alone in a merged answer; null where nothing is. */
  readonly speedRanges: string | null;
  readonly names: Names;
  /** The catalogs that the names are from. */
  readonly catalogs: readonly string[];
  readonly state: PluginStatus | null;
  readonly problems: readonly Problem[];
  /** How many rows match on all pages; null where that is not known. */
  readonly matching: number | null;
  /** The keys that chart and rows are filtered by, any of them; null: all. */
  readonly filter: readonly Readonly<Record<string, string>>[] | null;
}

/** The newest data, in which a part that failed keeps its last answer. */
export function updated(before: MetricData, next: MetricData): MetricData {
  return {
    ...next,
    series: kept(before.series, next.series),
    changes: next.changes ?? before.changes,
    rows: kept(before.rows, next.rows),
    names: next.rows.answer === null || next.series.answer === null
      ? merged(before.names, next.names)
      : next.names,
    state: next.state ?? before.state,
  };
}

function kept<Answer>(before: Part<Answer>, next: Part<Answer>): Part<Answer> {
  return next.answer === null ? { ...before, fault: next.fault, without: next.without } : next;
}

function merged(before: Names, next: Names): Names {
  const columns = new Set([...Object.keys(before), ...Object.keys(next)]);
  return Object.fromEntries(
    [...columns].map((column) => [column, { ...before[column], ...next[column] }]),
  );
}
