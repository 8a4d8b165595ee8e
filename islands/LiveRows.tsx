/** A metric's rows, kept up to date by server-sent events. */
import { type Signal, useSignal } from "@preact/signals";
import type { MetricAnswer } from "../runtime/services.ts";
import { useFollow } from "./(_parts)/poll.ts";
import { type Row, Rows, type RowsProps } from "./(_parts)/Rows.tsx";

/** What {@link LiveRows} takes. */
export interface LiveRowsProps extends RowsProps {
  /** The live question; null where the rows stand as they are. */
  readonly url: string | null;
  readonly limit: number;
  /** Moved by every change. */
  readonly pulse: Signal<number>;
  /** Whether what is followed is what is shown; else it only moves the pulse. */
  readonly showsChanges: boolean;
}

type Update = MetricAnswer & { readonly removed: readonly Row[] };

/** The rows, and whether they are live. */
export default function LiveRows(props: LiveRowsProps) {
  const { columns, sort, limit, pulse, showsChanges } = props;
  const rows = useSignal<readonly Row[]>(props.rows);
  const connection = useFollow<Update>(props.url, (kind, update) => {
    if (showsChanges) {
      const before = kind === "snapshot" ? [] : rows.value;
      rows.value = merged(before, update, sort).slice(0, limit);
    }
    pulse.value++;
  });
  const state = { live: "Live", lost: "No connection, trying again", waiting: "" };
  return (
    <>
      {rows.value.length === 0
        ? <p class="note">Nothing to show for this question.</p>
        : <Rows {...props} columns={columns} rows={rows.value} />}
      <p class="live" data-connection={connection.value}>{state[connection.value]}</p>
    </>
  );
}

/** The rows after a change, in the question's order. */
export function merged(before: readonly Row[], update: Update, sort: string): Row[] {
  const keys = update.columns.filter(({ type }) => !/^(integer|number|decimal|list)$/.test(type))
    .map(({ name }) => name);
  const idOf = (row: Row) => JSON.stringify(keys.map((name) => row[name]));
  const rows = new Map(before.map((row) => [idOf(row), row]));
  for (const row of update.removed) rows.delete(idOf(row));
  for (const row of update.rows) rows.set(idOf(row), { ...rows.get(idOf(row)), ...row });
  const by = sort.replace(/^-/, "");
  const direction = sort.startsWith("-") ? -1 : 1;
  return [...rows.values()].sort((a, b) =>
    direction * compare(a[by], b[by]) ||
    keys.reduce((found, name) => found || compare(a[name], b[name]), 0)
  );
}

/** Nulls behind everything, as the engine has them. */
function compare(a: unknown, b: unknown): number {
  if (a === b) return 0;
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  return a < b ? -1 : 1;
}
