/** A metric's rows, kept up to date by server-sent events. */
import type { Signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Problem } from "../runtime/model/problems.ts";
import type { MetricAnswer } from "../runtime/ports/services.ts";
import { type Again, getJson, onPulse, urlNow, useFollow } from "./(_parts)/poll.ts";
import { type Row, Rows, type RowsProps } from "./(_parts)/Rows.tsx";

/** What {@link LiveRows} takes. */
export interface LiveRowsProps extends Omit<RowsProps, "rows"> {
  /** What is shown, also to others of the page. */
  readonly shown: Signal<readonly Row[]>;
  /** The problems that the metric's answers carry, also for others of the page. */
  readonly problems: Signal<readonly Problem[]>;
  /** The live question; null where nothing is followed. */
  readonly url: string | null;
  /**
   * How the rows follow: `changes` of the live question are theirs; or it only tells that something
   * has changed, and they are asked `again`; or they stand as they are.
   */
  readonly rowsBy: "changes" | "again" | "page";
  readonly again: Again;
  readonly limit: number;
  /** Moved by every change. */
  readonly pulse: Signal<number>;
}

type Update = MetricAnswer & { readonly removed: readonly Row[] };

/** The rows, and whether they are live. */
export default function LiveRows(props: LiveRowsProps) {
  const { columns, sort, limit, pulse, rowsBy, again, shown: rows } = props;
  const connection = useFollow<Update>(props.url, (kind, update) => {
    if (rowsBy === "changes") {
      const before = kind === "snapshot" ? [] : rows.value;
      rows.value = merged(before, update, sort).slice(0, limit);
    }
    props.problems.value = update.problems;
    pulse.value++;
  });
  useEffect(() => {
    if (rowsBy !== "again") return;
    return onPulse(pulse, async () => {
      const answer = await getJson<MetricAnswer>(urlNow(again).href);
      return () => rows.value = answer.rows;
    });
  }, []);
  const state = {
    live: rowsBy === "page" ? "" : "Live",
    lost: "Disconnected, retrying …",
    waiting: "",
  };
  return (
    <>
      {rows.value.length === 0
        ? <p class="note">No matching rows.</p>
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
