import { useSignal } from "@preact/signals";
import type { SqlAnswer } from "../../runtime/ports/services.ts";
import { Distribution } from "./Distribution.tsx";
import { figure } from "./figures.ts";

/** The most bars of a chart. */
const MOST_BARS = 60;

const isNumber = (type: string) => /^(Nullable\()?(U?Int|Float|Decimal)/.test(type);

/** Rows as a table, or the first column of numbers as bars. */
export function SqlResult({ answer }: { readonly answer: SqlAnswer }) {
  const { columns, rows, truncated, seconds } = answer;
  const charted = useSignal(false);
  const measure = columns.find(({ type }) => isNumber(type));
  const name = columns.find((column) => column !== measure);
  const canChart = measure !== undefined && name !== undefined && rows.length > 0;
  const text = (value: unknown) =>
    value === null ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value);
  return (
    <section aria-label="Result">
      <div class="row">
        <p class="hint" role="status">
          {truncated && "The first "}
          {figure(rows.length)} {rows.length === 1 ? "row" : "rows"} in {seconds.toFixed(3)} s
        </p>
        {canChart && (
          <button
            type="button"
            aria-pressed={charted.value}
            onClick={() => charted.value = !charted.value}
          >
            {charted.value ? "Show table" : "Show chart"}
          </button>
        )}
      </div>
      {charted.value && canChart
        ? (
          <>
            <Distribution
              title={`${measure.name} by ${name.name}`}
              values={rows.slice(0, MOST_BARS).map((row) => ({
                name: text(row[name.name]),
                value: Number(row[measure.name] ?? 0),
              }))}
            />
            <p class="hint">
              {measure.name} by {name.name}
              {rows.length > MOST_BARS && `, the first ${MOST_BARS} rows`}
            </p>
          </>
        )
        : (
          <div class="scroll" tabIndex={0} role="region" aria-label="Rows">
            <table>
              <thead>
                <tr>
                  {columns.map(({ name, type }) => (
                    <th
                      key={name}
                      scope="col"
                      title={type}
                      class={isNumber(type) ? "number" : undefined}
                    >
                      {name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.map((row, i) => (
                  <tr key={i}>
                    {columns.map(({ name, type }) => (
                      <td key={name} class={isNumber(type) ? "number" : undefined}>
                        {text(row[name])}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
    </section>
  );
}
