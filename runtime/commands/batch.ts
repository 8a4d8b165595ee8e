import { wholeNumber } from "../std/whole_number.ts";
import { ask, type Invocation } from "./invocation.ts";
import { operatorOf } from "./operator.ts";
import type { RunReport } from "./target.ts";
import { table } from "./table.ts";
import { counted, driftText, grouped, paint } from "./text.ts";
import type { World } from "./world.ts";

/** Runs the batch layer once and shows what each plugin's part came to; returns the exit code. */
export async function batchCommand(invocation: Invocation): Promise<number> {
  const { runs } = await ask(
    invocation,
    async (target) => ({ runs: await target.batch({ full: invocation.flags.full === true }) }),
    ({ runs }) => runs.map((run) => runText(run, invocation.world)).join(""),
    { start: true },
  );
  const failed = runs.some((run) =>
    run?.plugins.some(({ status }) => status === "failed" || status === "cancelled")
  );
  return failed ? 1 : 0;
}

/** Cancels a run and shows what became of it; returns the exit code. */
export async function batchCancelCommand(invocation: Invocation): Promise<number> {
  const { positionals: [text], flags, world } = invocation;
  const { topic, by } = flags as Record<string, string | undefined>;
  const action = "Cannot cancel a batch run";
  const run = wholeNumber(text, {
    action,
    field: "RUN",
    least: 1,
    most: Number.MAX_SAFE_INTEGER - 1,
  });
  const operator = operatorOf(by, world, action);
  await ask(
    invocation,
    async (target) => ({ run: await target.cancelRun(run, operator, topic) }),
    ({ run }) => runText(run, world),
  );
  return 0;
}

/** A run as a table of its parts. */
export function runText(run: RunReport | null, world: World): string {
  if (run === null) return "Nothing is new since the last run.\n";
  const seconds = (Date.parse(run.finished!) - Date.parse(run.started)) / 1000;
  const rows = run.plugins.map((plugin) => [
    plugin.plugin,
    plugin.status,
    plugin.mode,
    grouped(plugin.days),
    grouped(plugin.rows),
    plugin.seconds.toFixed(2),
    driftText(plugin.drift, plugin.notCompared),
    grouped(plugin.unseenRepeats),
  ]);
  const published = run.plugins.filter(({ status }) => status === "published").length;
  // What a run published before it failed or was cancelled stays.
  const outcome = run.state === "published"
    ? ""
    : `, ${run.state}: ${published} of ${counted(run.plugins.length, "metric")} published`;
  const failed = run.plugins.filter(({ error }) => error !== "");
  // A damaged file fails many plugins with the same words.
  const errors = [...Map.groupBy(failed, ({ error }) => error)].map(([error, parts]) => {
    const plugins = parts.map(({ plugin }) => plugin).join(", ");
    return paint(world.out, "red", `  ${plugins}: ${error}`) + "\n";
  });
  return [
    paint(world.out, "bold", `Run ${run.run} of ${run.topic}, ${seconds.toFixed(2)} s${outcome}`) +
    "\n",
    table(
      ["plugin", "status", "mode", "days", "rows", "seconds", "drift", "unseen repeats"],
      rows,
    ),
    ...errors,
  ].join("");
}
