/** What the metrics say of one key. */
import { FaultNote } from "../(_parts)/Fault.tsx";
import { signal } from "@preact/signals";
import type { VNode } from "preact";
import { label } from "../(_parts)/figures.ts";
import { cellText, exactValue, unitName } from "../(_parts)/units.ts";
import SeriesChart from "../../islands/SeriesChart.tsx";
import type { KeyPart } from "../(_shared)/movie_view.ts";

/** Figures of all time, then each metric over time. */
export function KeyParts({ parts, keys }: {
  readonly parts: readonly KeyPart[];
  readonly keys: Readonly<Record<string, string>>;
}): VNode {
  const facts = parts.flatMap(({ metric, row, columns }) =>
    columns.filter(({ name }) => !Object.hasOwn(keys, name)).map((column) => ({
      id: `${metric} ${column.name}`,
      name: label(column.name),
      value: row === null || row[column.name] === null
        ? "–"
        : [cellText(row[column.name], column), ...unitName(column.unit)].join(" "),
      exact: exactValue(row?.[column.name], column.unit),
    }))
  );
  return (
    <>
      <dl class="facts">
        {facts.map(({ id, name, value, exact }) => (
          <div key={id}>
            <dt>{name}</dt>
            <dd title={exact}>{value}</dd>
          </div>
        ))}
      </dl>
      {parts.map(({ metric, title, chart, series, fault }) => (
        <section key={metric} aria-labelledby={`key-${metric}`}>
          <h2 id={`key-${metric}`}>
            <a href={`/plugins/${metric}?${new URLSearchParams({ q: Object.values(keys)[0] })}`}>
              {title}
            </a>
          </h2>
          <FaultNote fault={fault} />
          {series !== null && (
            <SeriesChart
              data={signal({
                series: { answer: series, fault: null, at: "" },
                names: {},
                changes: { topic: "", runs: [], generations: [] },
              })}
              stale={signal(false)}
              chart={chart}
              title={title}
            />
          )}
        </section>
      ))}
    </>
  );
}
