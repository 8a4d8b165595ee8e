/** A metric's rows, as the page's data has them. */
import type { Signal } from "@preact/signals";
import { figure } from "../routes/(_parts)/figures.ts";
import { keyText, MOST_LINES } from "../routes/(_parts)/key_text.ts";
import { linkWith } from "../routes/(_parts)/link_with.ts";
import type { MetricData } from "../routes/(_parts)/metric_data.ts";
import { type RowLinks, Rows, type RowsProps } from "../routes/(_parts)/Rows.tsx";
import { Fault } from "../routes/(_parts)/Fault.tsx";

/** What {@link LiveRows} takes. */
export interface LiveRowsProps extends Omit<RowsProps, "rows" | "columns" | "names" | "rowLinks"> {
  readonly data: Signal<MetricData>;
  readonly stale: Signal<boolean>;
  /** The key columns. */
  readonly keys: readonly string[];
  /** The query of the page's URL. */
  readonly search: string;
}

/** The rows; where the newest attempt failed, the last rows with the fault. */
export default function LiveRows({ data, stale, keys, search, ...props }: LiveRowsProps) {
  const { rows, names, matching } = data.value;
  const { answer } = rows;
  return (
    <div data-stale={stale.value || rows.fault !== null ? "yes" : undefined}>
      <Fault part={rows} />
      {answer?.rows.length === 0 && <p class="note">No matching rows.</p>}
      {answer !== null && answer.rows.length > 0 && (
        <>
          <p class="hint">{countText(answer.rows.length, matching)}</p>
          <Rows
            {...props}
            columns={answer.columns}
            rows={answer.rows}
            names={names}
            rowLinks={keys.length === 0 ? undefined : linksOf(keys, search)}
          />
        </>
      )}
    </div>
  );
}

/** "25 of 212 rows"; of many where their number is not known, and one number where all are shown. */
function countText(shown: number, matching: number | null): string {
  if (matching === null) return `${figure(shown)} of many rows`;
  const all = `${figure(matching)} ${matching === 1 ? "row" : "rows"}`;
  return matching === shown ? all : `${figure(shown)} of ${all}`;
}

/** What the rows of a page with that query lead to. */
function linksOf(keys: readonly string[], search: string): RowLinks {
  const compared = new URLSearchParams(search).getAll("chart_key");
  return {
    keys,
    filter: (row) =>
      linkWith({ search }, {
        ...Object.fromEntries(keys.map((name) => [name, String(row[name])])),
        q: null,
        after: null,
        chart_key: null,
      }),
    compare(row) {
      const key = keyText(keys, row);
      const others = compared.filter((other) => other !== key);
      const isCompared = others.length < compared.length;
      if (!isCompared && compared.length >= MOST_LINES) return null;
      return {
        isCompared,
        href: linkWith({ search }, { chart_key: isCompared ? others : [...others, key] }),
      };
    },
  };
}
