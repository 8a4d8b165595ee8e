import { UserError } from "../std/errors.ts";
import type { MetricAnswer, MetricQuery } from "../ports/services.ts";
import type { GivenFlags } from "./command_line.ts";
import type { Invocation } from "./invocation.ts";
import { openTarget } from "./open_target.ts";
import { MORE_BY_FLAGS, rowFormat, RowWriter } from "./rows.ts";
import { paint } from "./text.ts";

/** The largest page there is: fewest requests for all rows. */
const WHOLE_PAGE = "10000";

/** Shows the rows of a metric; returns the exit code. */
export async function queryCommand(invocation: Invocation): Promise<number> {
  const { positionals: [metric], flags, config, world } = invocation;
  const format = rowFormat(flags);
  const query = metricQuery(invocation);
  await using target = await openTarget(config, world, { start: false });
  const first = await target.query(metric, query, world.stop);
  const { columns, rows: _, next, ...about } = first;
  const beside = { ...about, columns, next: flags.all === true ? null : next };
  const writer = new RowWriter({ columns, format, world, beside });
  let page: MetricAnswer = first;
  writer.write(page.rows);
  while (flags.all === true && page.next !== null && !world.out.closed) {
    page = await target.query(metric, { ...query, after: page.next }, world.stop);
    writer.write(page.rows);
  }
  writer.end(beside.next === null ? null : MORE_BY_FLAGS);
  for (const { message, since } of page.problems) {
    world.err.write(`${paint(world.err, "yellow", "Problem")} since ${since}: ${message}\n`);
  }
  return 0;
}

/**
 * The question that flags ask; the process that answers checks the values.
 *
 * @throws {UserError} when `--where` is not of the form `key=value` or names a key twice.
 */
function metricQuery({ flags, lists }: GivenFlags): MetricQuery {
  const names = [
    "layer",
    "bucket",
    "tz",
    "compare",
    "from",
    "to",
    "order",
    "limit",
    "expand",
  ] as const;
  const given = Object.fromEntries(
    names.filter((name) => flags[name] !== undefined).map((name) => [name, String(flags[name])]),
  );
  return {
    ...flags.all === true ? { limit: WHOLE_PAGE } : {},
    ...given,
    ...flags["wait-for"] === undefined ? {} : { wait_for: String(flags["wait-for"]) },
    keys: keysOf(lists.where ?? []),
  };
}

function keysOf(conditions: readonly string[]): Record<string, string> {
  const keys = new Map<string, string>();
  for (const condition of conditions) {
    const at = condition.indexOf("=");
    const key = condition.slice(0, Math.max(0, at));
    const fault = (wanted: string) =>
      new UserError(`Cannot query: --where: expected ${wanted}, got "${condition}"`, {
        field: "where",
      });
    if (key === "") throw fault("key=value");
    if (keys.has(key)) throw fault(`each key once`);
    keys.set(key, condition.slice(at + 1));
  }
  return Object.fromEntries(keys);
}
