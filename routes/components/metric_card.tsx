/** One metric: its top rows as a table. */
import type { MetricAnswer, MetricInfo } from "../../runtime/services.ts";
import { cellText, label } from "../figures.ts";

/** A metric with its answer, or why there is none. */
export interface MetricResult {
  readonly info: MetricInfo;
  readonly answer: MetricAnswer | null;
  readonly fault: string | null;
}

const numeric = new Set(["integer", "number", "decimal", "uint32"]);

/** The question that the page asks. */
export const topRows = "limit=10";

/** The metric's table, with links to the API. */
export function MetricCard({ info, answer, fault }: MetricResult) {
  const api = `/api/v1/metrics/${info.name}`;
  const id = `metric-${info.name}`;
  return (
    <section class="metric" aria-labelledby={id}>
      <header>
        <h3 id={id}>{info.title}</h3>
        <p>{info.summary}</p>
      </header>
      {fault !== null && <p class="note fault" role="status" data-fault={info.name}>{fault}</p>}
      {answer !== null && <Rows info={info} answer={answer} id={id} />}
      <footer>
        {(["merged", "batch", "speed"] as const).map((layer) => (
          <a key={layer} href={`${api}?layer=${layer}&${topRows}`}>{layer}</a>
        ))}
      </footer>
    </section>
  );
}

function Rows({ info, answer, id }: { info: MetricInfo; answer: MetricAnswer; id: string }) {
  const sort = info.sort.replace(/^-/, "");
  const most = Math.max(...answer.rows.map((row) => Number(row[sort] ?? 0)), 1);
  return (
    <>
      <div class="scroll" tabIndex={0} role="region" aria-labelledby={id}>
        <table data-metric={info.name} data-sort={sort}>
          <thead>
            <tr>
              {answer.columns.map(({ name, type }) => (
                <th
                  key={name}
                  scope="col"
                  class={numeric.has(type) ? "number" : undefined}
                  aria-sort={name === sort
                    ? (info.sort.startsWith("-") ? "descending" : "ascending")
                    : undefined}
                >
                  {label(name)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {answer.rows.map((row, i) => (
              <tr key={i}>
                {answer.columns.map(({ name, type }) => (
                  <td key={name} class={numeric.has(type) ? "number" : undefined}>
                    {cellText(row[name], type)}
                    {name === sort && <Bar share={Number(row[name] ?? 0) / most} />}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="note" data-empty={info.name} hidden={answer.rows.length > 0}>
        Nothing counted yet.
      </p>
    </>
  );
}

/** A share of the greatest value as a bar; the number beside it tells the same. */
function Bar({ share }: { share: number }) {
  const width = Math.round(Math.min(Math.max(share, 0), 1) * 1000) / 10;
  return (
    <svg class="bar" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
      <rect width={width} height="1" />
    </svg>
  );
}
