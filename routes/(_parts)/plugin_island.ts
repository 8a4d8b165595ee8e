/** What a plugin's own island is given by the metric's page. */
import type { Signal } from "@preact/signals";
import type { AnswerColumn, SeriesAnswer } from "../../runtime/ports/services.ts";
import type { Row } from "./Rows.tsx";

/**
 * Props of a plugin's own island. The signals hold what the page shows and move with it, so that an
 * island needs no questions of its own.
 *
 * @example
 * ```tsx
 * export default function Total({ rows }: PluginIslandProps) {
 *   return <p>{rows.value.length} rows</p>;
 * }
 * ```
 */
export interface PluginIslandProps {
  readonly metric: string;
  /** The metric over the range that is shown; null until it could be read. */
  readonly series: Signal<SeriesAnswer | null>;
  readonly columns: readonly AnswerColumn[];
  /** The page of rows that is shown. */
  readonly rows: Signal<readonly Row[]>;
}
