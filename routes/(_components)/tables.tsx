/** Tables with a heading, or with the reason why there is none. */
import { FaultNote } from "../(_parts)/Fault.tsx";
import type { VNode } from "preact";
import { type Names, Rows } from "../(_parts)/Rows.tsx";
import type { Outcome } from "../(_shared)/define.ts";
import type { Table } from "../(_shared)/movie_view.ts";

/** A table of one question. */
export function TableOf(props: {
  readonly id: string;
  readonly title: string;
  readonly hint: string;
  readonly table: Outcome<Table>;
  readonly sort: string;
  readonly names?: Names;
  readonly pages: Readonly<Record<string, string>>;
  readonly empty: string;
}): VNode {
  const { id, title, hint, table: { answer, fault }, sort, names, pages, empty } = props;
  return (
    <section class="metric" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        <p>{hint}</p>
      </header>
      <FaultNote fault={fault} />
      {answer?.rows.length === 0 && <p class="note">{empty}</p>}
      {answer !== null && answer.rows.length > 0 && (
        <Rows
          columns={answer.columns}
          rows={answer.rows}
          sort={sort}
          caption={title}
          names={names}
          pages={pages}
        />
      )}
    </section>
  );
}
