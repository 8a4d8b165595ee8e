/** How the layers are compared, in SQL. */
import type { Plugin } from "../plugin.ts";

const CELLS_OF_A_DAY = 10;

/** Where the rows of a cell come from. */
export const Side = { speed: 0, batch: 1, repeats: 2 } as const;

/** Names of its own begin with `_`, which those of a plugin's columns cannot. */
export function comparisonSql(plugin: Plugin, sides: readonly string[]): string {
  const measures = plugin.measureColumns;
  const cell = ["bucket", ...plugin.keyColumns.map(({ name }) => name)];
  const merged = measures.flatMap((column, i) => [
    `${column.mergeSql(column.name, `_side = ${Side.speed}`)} AS _speed_${i}`,
    `${column.mergeSql(column.name, `_side != ${Side.speed}`)} AS _batch_${i}`,
  ]);
  const differences = measures.map((column, i) =>
    `${column.differenceSql(`_speed_${i}`, `_batch_${i}`)} AS _difference_${i}`
  );
  const shown = measures.map((column, i) => {
    const [speed, batch] = [`_speed_${i}`, `_batch_${i}`].map((state) => column.textSql(state));
    return `('${column.name}', ${speed}, ${batch}, _difference_${i})`;
  });
  const unproven = measures.filter(({ cancels }) => !cancels).length;
  const keyTexts = plugin.keyColumns.map(({ name }) => `toString(${name})`).join(", ");
  const presence = (side: string) => `if(${side}, 'present', 'missing')`;
  return `SELECT toDate(bucket) AS _day, countIf(_apart > 0) AS _differing, sum(_apart) AS _difference,
  sum(_repeated * ${unproven}) AS _not_comparable,
  groupArraySortedIf(${CELLS_OF_A_DAY})((bucket, _key, _measures), _apart > 0) AS _cells
FROM (
  SELECT bucket, _repeated, CAST([${keyTexts}], 'Array(String)') AS _key,
    ${measures.map((_, i) => `_difference_${i}`).join(" + ")} AS _in_states,
    -- What states do not show: a cell that only one of the layers has.
    _in_speed != _in_batch AND NOT _repeated AS _lone,
    multiIf(_in_states > 0, _in_states, _lone, 1., 0.) AS _apart,
    multiIf(
      _in_states > 0, arrayFilter(_m -> _m.4 > 0, [${shown.join(", ")}]),
      _lone, [('', ${presence("_in_speed")}, ${presence("_in_batch")}, 1.)],
      []
    ) AS _measures
  FROM (
    SELECT *, ${differences.join(", ")} FROM (
      SELECT ${[...cell, ...merged].join(", ")}, max(_side = ${Side.speed}) AS _in_speed,
        max(_side = ${Side.batch}) AS _in_batch, max(_side = ${Side.repeats}) AS _repeated
      FROM (
${sides.join("\nUNION ALL\n")}
      )
      GROUP BY ${cell.join(", ")}
    )
  )
)
GROUP BY _day`;
}
