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
  /** Where a row leads to. Default: nowhere. */
  readonly rowLinks?: RowLinks;
}

/** What a reader may do with a row's key. */
export interface RowLinks {
  /** The key columns. */
  readonly keys: readonly string[];
  /** The page with this row alone. */
  filter(row: Row): string;
  /** The page with the row's key in the chart, or without it; null where the chart has no room. */
  compare(row: Row): { readonly isCompared: boolean; readonly href: string } | null;
}

/** Names of keys: by column, then by key. */
export type Names = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** A key in words: the names of its values where they have some. */
export const keyTitle = (keys: readonly string[], row: Row, names: Names): string =>
  keys.map((key) => names[key]?.[String(row[key])] ?? String(row[key])).join(", ");

/** The table. */
export function Rows(props: RowsProps) {
  const { columns, rows, sort, caption, names = {}, pages = {}, sortLinks, rowLinks } = props;
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
            {rowLinks && (
              <th scope="col">
                <span class="unseen">Compare</span>
              </th>
            )}
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
            <tr
              key={columns.filter(isText).map(({ name }) => row[name]).join("\t")}
              onClick={rowLinks && follow(rowLinks.filter(row))}
            >
              {rowLinks && <Compare row={row} links={rowLinks} names={names} />}
              {columns.map((column) => (
                <Cell
                  key={column.name}
                  column={column}
                  row={row}
                  names={names}
                  pages={pages}
                  filter={rowLinks?.keys.includes(column.name) ? rowLinks.filter(row) : undefined}
                >
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

/** Opens a page on a click that means nothing else: no link, and no text that is being selected. */
const follow = (href: string) => ({ target }: MouseEvent) => {
  if ((target as Element).closest("a") !== null || String(getSelection()) !== "") return;
  location.assign(href);
};

/** Puts a row's key into the chart, or takes it out again. */
function Compare({ row, links, names }: {
  readonly row: Row;
  readonly links: RowLinks;
  readonly names: Names;
}) {
  const compare = links.compare(row);
  const title = keyTitle(links.keys, row, names);
  return (
    <td class="compare">
      {compare !== null && (
        <a
          href={compare.href}
          aria-label={compare.isCompared
            ? `Remove ${title} from the chart`
            : `Compare ${title} in the chart`}
          title={compare.isCompared ? "Remove from the chart" : "Compare in the chart"}
        >
          {compare.isCompared ? "✓" : "+"}
        </a>
      )}
    </td>
  );
}

function Cell({ column, row, names, pages, filter, children }: {
  readonly column: AnswerColumn;
  readonly row: Row;
  readonly names: Names;
  readonly pages: Readonly<Record<string, string>>;
  /** The page with the row alone, of a key column whose rows lead there. */
  readonly filter: string | undefined;
  readonly children?: ComponentChildren;
}) {
  const { name, type, unit } = column;
  const text = cellText(row[name], column);
  const shown = names[name]?.[text] ?? text;
  const page = pages[name] === undefined ? undefined : pages[name] + encodeURIComponent(text);
  return (
    <td
      class={isNumeric(type) ? "number" : names[name] ? "name" : undefined}
      title={exactValue(row[name], unit)}
    >
      {filter ?? page
        ? <a href={filter ?? page} title={`${label(name)} ${text}`}>{shown}</a>
        : shown}
      {filter !== undefined && page !== undefined && (
        <a class="open" href={page} aria-label={`Page of ${shown}`}>↗</a>
      )}
      {children}
    </td>
  );
}
