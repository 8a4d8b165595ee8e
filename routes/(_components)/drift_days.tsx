/** The event days on which the speed and the batch layer of a metric differ. */
import { exactFigure, figure, instantText } from "../(_parts)/figures.ts";
import type { DriftCell, DriftDay } from "../../runtime/ports/services.ts";

/** Days in a table, each with the first cells that differ; nothing where no day drifts. */
export function DriftDays({ days, more }: {
  readonly days: readonly DriftDay[];
  /** Whether there are more days than these. */
  readonly more: boolean;
}) {
  if (days.length === 0) return null;
  const first = days.findIndex(({ accepted }) => accepted === null);
  return (
    <section aria-labelledby="drift">
      <h2 id="drift">Drift</h2>
      <p class="hint">
        On these event days the speed layer and the batch layer give different values. A day leaves
        the list when a batch run finds both equal.
      </p>
      {days.map((day, i) => <Day key={day.day} day={day} open={i === first} />)}
      {more && <p class="note">More days: /api/v1/drift or `twofold drift`.</p>}
    </section>
  );
}

function Day({ day, open }: { readonly day: DriftDay; readonly open: boolean }) {
  const { accepted, cells } = day;
  return (
    <details class="run" open={open}>
      <summary>
        <b>{day.day}</b>{" "}
        <span>
          differs by {exactFigure(day.difference)} in {figure(day.differing_cells)}{" "}
          {day.differing_cells === 1 ? "cell" : "cells"}, since {instantText(day.differs_since)}
          {day.state === "differs" ? "" : `; ${day.message}`}
          {accepted === null ? "" : `; accepted by ${accepted.by}: ${accepted.reason}`}
        </span>
      </summary>
      {cells.length > 0 && (
        <div class="scroll" tabIndex={0} role="region" aria-label={`Cells of ${day.day}`}>
          <table>
            <thead>
              <tr>
                <th scope="col">Bucket</th>
                <th scope="col">Key</th>
                <th scope="col">Measure</th>
                <th scope="col" class="number">Speed</th>
                <th scope="col" class="number">Batch</th>
                <th scope="col" class="number">Difference</th>
              </tr>
            </thead>
            <tbody>
              {cells.map((cell) => <Cell key={cell.bucket + keyText(cell)} cell={cell} />)}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}

const keyText = ({ key }: DriftCell) =>
  Object.entries(key).map(([name, value]) => `${name} ${value}`).join(", ");

function Cell({ cell }: { readonly cell: DriftCell }) {
  return (
    <>
      {cell.measures.map(({ measure, speed, batch, difference }) => (
        <tr key={measure}>
          <th scope="row">{instantText(cell.bucket)}</th>
          <td>{keyText(cell)}</td>
          <td>{measure === "" ? "the whole cell" : measure}</td>
          <td class="number">{speed}</td>
          <td class="number">{batch}</td>
          <td class="number">{exactFigure(difference)}</td>
        </tr>
      ))}
    </>
  );
}
