/** Rows of a metric as a table, with bars, and names in place of bare keys. */
import type { ComponentChildren } from "preact";
import type { AnswerColumn } from "../../runtime/ports/services.ts";
import { isNumeric, label } from "./figures.ts";
import { cellText, exactValue, unitName } from "./units.ts";
import { Bar } from "./Sparkline.tsx";

/** A row of an answer. */
export type Row = Readonly<Record<string, unknown>>;

/** What {@link Rows} takes. */
export interface RowsProps {
  readonly columns: readonly AnswerColumn[];
  readonly rows: readonly Row[];
  /** The column that has bars, and its order. */
  readonly sort: string;
  readonly caption: string;
  /** Names of keys: by column, then by key. */
  readonly names?: Names;
  /** Where a key's own page is: by column, `/movies/` and the key follows. */
  readonly pages?: Readonly<Record<string, string>>;
  /** Where the rows are sorted by a column. Default: they cannot be. */
  readonly sortLinks?: Readonly<Record<string, string>>;
}

/** Names of keys: by column, then by key. */
export type Names = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The table. */
export function Rows(props: RowsProps) {
  const { columns, rows, sort, caption, names = {}, pages = {}, sortLinks } = props;
  const by = sort.replace(/^-/, "");
  // A name stands where the key would: then it is no number that is told.
  const titleOf = (name: string) => label(names[name] ? name.replace(/_id$/, "") : name);
  const most = Math.max(...rows.map((row) => Number(row[by] ?? 0)), 0) || 1;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ name, type, unit }) => (
              <th
                key={name}
                scope="col"
                class={isNumeric(type) ? "number" : undefined}
                aria-sort={name === by
                  ? (sort.startsWith("-") ? "descending" : "ascending")
                  : undefined}
              >
                {sortLinks?.[name] === undefined
                  ? titleOf(name)
                  : <a href={sortLinks[name]}>{titleOf(name)}</a>}
                {unitName(unit).map((text) => <span key={text} class="unit">{text}</span>)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={columns.filter(isText).map(({ name }) => row[name]).join("\t")}>
              {columns.map((column) => (
                <Cell key={column.name} column={column} row={row} names={names} pages={pages}>
                  {column.name === by && isNumeric(column.type) &&
                    <Bar share={Number(row[by] ?? 0) / most} />}
                </Cell>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Time and keys, by which a row is known, are among these. */
const isText = ({ type }: AnswerColumn) => !isNumeric(type);

function Cell({ column, row, names, pages, children }: {
  readonly column: AnswerColumn;
  readonly row: Row;
  readonly names: Names;
  readonly pages: Readonly<Record<string, string>>;
  readonly children?: ComponentChildren;
}) {
  const { name, type, unit } = column;
  const text = cellText(row[name], column);
  const shown = names[name]?.[text] ?? text;
  const page = pages[name];
  return (
    <td
      class={isNumeric(type) ? "number" : names[name] ? "name" : undefined}
      title={exactValue(row[name], unit)}
    >
      {page === undefined
        ? shown
        : <a href={page + encodeURIComponent(text)} title={`${label(name)} ${text}`}>{shown}</a>}
      {children}
    </td>
  );
}
