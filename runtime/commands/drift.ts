import { UserError } from "../std/errors.ts";
import type { AnswerColumn, DriftDay } from "../ports/services.ts";
import { ask, type Invocation } from "./invocation.ts";
import { operatorOf } from "./operator.ts";
import { openTarget } from "./open_target.ts";
import { rowFormat, RowWriter } from "./rows.ts";
import { counted, exact } from "./text.ts";

const columns: readonly AnswerColumn[] = [
  "metric",
  "day",
  "differs_since",
  "differing_cells",
  "difference",
  "state",
  "first",
  "accepted",
].map((name) => ({ name, type: "string" }));

/** Lists the days that drift; returns the exit code. */
export async function driftCommand({ flags, config, world }: Invocation): Promise<number> {
  const format = rowFormat(flags);
  await using target = await openTarget(config, world, { start: false });
  const days: DriftDay[] = [];
  let after: string | undefined;
  do {
    const page = await target.drifts.list({
      metric: flags.metric as string | undefined,
      limit: flags.limit as string | undefined,
      after,
    }, world.stop);
    days.push(...page.items);
    after = page.next ?? undefined;
  } while (flags.all === true && after !== undefined);
  if (format === "json") {
    world.out.write(`${JSON.stringify({ days, next: after ?? null }, null, 2)}\n`);
  } else if (days.length === 0 && format === "table") world.out.write("No event day drifts.\n");
  else {
    const writer = new RowWriter({ columns, format, world });
    writer.write(days.map(rowOf));
    writer.end(after === undefined ? null : "--all shows them");
  }
  return 0;
}

/** A day in one line, with the first cell that differs. */
function rowOf(day: DriftDay) {
  const { accepted, cells: [first] } = day;
  const { measure, speed, batch } = first?.measures[0] ?? {};
  const key = Object.values(first?.key ?? {}).join(" ");
  return {
    metric: day.metric,
    day: day.day,
    differs_since: day.differs_since,
    differing_cells: String(day.differing_cells),
    difference: exact(day.difference),
    state: day.state,
    first: first === undefined
      ? null
      : `${first.bucket} ${key} ${measure || "cell"}: speed ${speed}, batch ${batch}`,
    accepted: accepted && `${accepted.at} ${accepted.by}: ${accepted.reason}`,
  };
}

/** Accepts the drift of a metric; returns the exit code. */
export async function driftAcceptCommand(invocation: Invocation): Promise<number> {
  const { positionals: [metric], flags, world } = invocation;
  const { day, reason, by: given } = flags as Record<string, string | undefined>;
  if (reason === undefined) {
    throw new UserError("Cannot accept drift: --reason must say why the difference is accepted", {
      field: "reason",
    });
  }
  const by = operatorOf(given, world, "Cannot accept drift");
  const acceptance = { metric, by, reason, ...(day === undefined ? {} : { day }) };
  await ask(
    invocation,
    async (target) => ({ accepted: await target.drifts.accept(acceptance) }),
    ({ accepted }) => {
      const days = counted(accepted.length, "event day");
      return `Accepted the drift of ${metric} on ${days}: ${accepted.join(", ")}\n`;
    },
  );
  return 0;
}
