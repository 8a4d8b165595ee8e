/** A metric on the first page: its last day and its first rows. */
import { FaultNote } from "./Fault.tsx";
import type { MetricAnswer, MetricInfo } from "../../runtime/ports/services.ts";
import { type Names, Rows } from "./Rows.tsx";
import { Sparkline } from "./Sparkline.tsx";

/** A metric's first rows, or the reason why there are none. */
export interface MetricCardData {
  readonly info: MetricInfo;
  /** The day from which on events count; null where all do. */
  readonly since: string | null;
  readonly answer: MetricAnswer | null;
  readonly fault: string | null;
  readonly names: Names;
  /** Its chart's measure by hour of the last 24; null where it has none. */
  readonly hours: readonly (number | null)[] | null;
}

/** The card; its rows lead to the pages of their keys. */
export function MetricCard({ info, since, answer, fault, names, hours, pages }: MetricCardData & {
  readonly pages: Readonly<Record<string, string>>;
}) {
  return (
    <section class="metric" aria-labelledby={`metric-${info.name}`}>
      <header>
        <h3 id={`metric-${info.name}`}>
          <a href={`/plugins/${info.name}`}>{info.title}</a>
        </h3>
        <p>{info.summary}{since !== null && `, since ${since}`}</p>
      </header>
      {hours !== null && <Sparkline values={hours} label={`${info.title}, the last 24 hours`} />}
      <FaultNote fault={fault} />
      {answer?.rows.length === 0 && <p class="note">No data yet.</p>}
      {answer !== null && answer.rows.length > 0 && (
        <Rows
          columns={cardColumns(info, answer)}
          rows={answer.rows}
          sort={info.sort}
          caption={info.title}
          names={names}
          pages={pages}
        />
      )}
    </section>
  );
}

/** The key columns and the measure that orders the rows: a card has no room for more. */
function cardColumns({ keys, sort }: MetricInfo, { columns }: MetricAnswer) {
  const shown = new Set([...keys.map(({ name }) => name), sort.replace(/^-/, "")]);
  return columns.filter(({ name }) => shown.has(name));
}
