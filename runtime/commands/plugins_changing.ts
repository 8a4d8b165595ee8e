/** The commands that change which plugins run and what is kept of them. */
import { readingWords } from "../model/reading.ts";
import type { ReloadAnswer } from "../ports/services.ts";
import { ask, type Invocation } from "./invocation.ts";
import type { RebuildReport } from "./target.ts";
import { runText } from "./batch.ts";
import { operatorOf } from "./operator.ts";

/** Removes the tables and relations that no metric answers from; returns the exit code. */
export async function pluginsPruneCommand(invocation: Invocation): Promise<number> {
  await ask(
    invocation,
    async (target) => ({ removed: await target.prunePlugins() }),
    ({ removed }) => removedText(removed),
  );
  return 0;
}

/** Loads the plugins' files again; returns the exit code: 1 where one was refused. */
export async function pluginsReloadCommand(invocation: Invocation): Promise<number> {
  const { refused, refused_files } = await ask(
    invocation,
    (target) => target.reloadPlugins(),
    (answer) => reloadLines(answer).map((line) => `${line}\n`).join(""),
  );
  return refused.length + refused_files.length > 0 ? 1 : 0;
}

/** Pauses or resumes a metric; returns the exit code. */
export async function pluginsPauseCommand(invocation: Invocation): Promise<number> {
  const { command, positionals: [plugin], flags, world } = invocation;
  const paused = command === "plugins pause";
  const verb = paused ? "pause" : "resume";
  const by = flags.by as string | undefined;
  const operator = operatorOf(by, world, `Cannot ${verb} metric "${plugin}"`);
  await ask(
    invocation,
    async (target) => {
      await target.lifecycle[verb](plugin, operator);
      return { plugin, paused };
    },
    () =>
      paused
        ? `Metric ${plugin} is paused. To resume it, run: twofold plugins resume ${plugin}\n`
        : `Metric ${plugin} runs again and catches up.\n`,
  );
  return 0;
}

/**
 * Recomputes a metric's batch rows, or tells what that would read; returns the exit code: 1 where the
 * run was not published.
 */
export async function pluginsRebuildCommand(invocation: Invocation): Promise<number> {
  const { positionals: [plugin], flags, world } = invocation;
  const { from, to } = flags as Record<string, string | undefined>;
  const dry_run = flags["dry-run"] === true;
  const { run } = await ask(
    invocation,
    (target) => target.lifecycle.rebuild(plugin, { from, to, dry_run }),
    ({ run, ...foretold }) => run === null ? foretoldText(foretold) : runText(run, world),
    dry_run ? { start: false } : { create: false },
  );
  return run === null || run.state === "published" ? 0 : 1;
}

/** Days that a text lists. */
const LISTED_DAYS = 5;

function foretoldText({ reads, days_outside: outside }: Omit<RebuildReport, "run">): string {
  const more = outside.length - LISTED_DAYS;
  const listed = outside.slice(0, LISTED_DAYS).join(", ") + (more > 0 ? ` and ${more} more` : "");
  const along = outside.length === 0
    ? ""
    : `This includes ${listed}, outside the range: a rebuild also recomputes days with new ` +
      "events, and every day of a metric without a published run.\n";
  return `Would read ${readingWords(reads)}.\n${along}`;
}

/** Removes what is kept of a metric; returns the exit code. */
export async function pluginsDropCommand(invocation: Invocation): Promise<number> {
  const [plugin] = invocation.positionals;
  await ask(
    invocation,
    async (target) => ({ removed: await target.lifecycle.drop(plugin) }),
    ({ removed }) => removedText(removed),
  );
  return 0;
}

function removedText(removed: readonly string[]): string {
  if (removed.length === 0) return "Nothing to remove.\n";
  const names = removed.map((name) => `  ${name}\n`).join("");
  const many = removed.length === 1
    ? "1 table or relation"
    : `${removed.length} tables and relations`;
  return `Removed ${many}:\n${names}`;
}

/**
 * What was changed, a line for each plugin and for each file that declares no plugin.
 *
 * @example
 * ```ts
 * import { reloadLines } from "./plugins_changing.ts";
 * const answer = {
 *   added: ["stars"],
 *   changed: [],
 *   removed: [],
 *   refused: [],
 *   loaded_files: [],
 *   removed_files: [],
 *   refused_files: [],
 * };
 * if (reloadLines(answer)[0] !== "Plugin stars is new: it is being built.") throw new Error("no");
 * ```
 */
export function reloadLines(answer: ReloadAnswer): string[] {
  const { added, changed, removed, refused, loaded_files, removed_files, refused_files } = answer;
  const lines = [
    ...added.map((name) => `Plugin ${name} is new: it is being built.`),
    ...changed.map((name) => `Plugin ${name} changed.`),
    ...removed.map((name) => `Plugin ${name} was removed.`),
    ...refused.map(({ plugin, file, faults }) =>
      `Plugin ${plugin} was not loaded: ${faults.join("; ")}. Correct ${file}.`
    ),
    ...loaded_files.map((file) => `${file} was loaded.`),
    ...removed_files.map((file) => `${file} was removed.`),
    ...refused_files.map(({ file, faults }) => `${file} was not loaded: ${faults.join("; ")}.`),
  ];
  return lines.length === 0 ? ["Nothing changed."] : lines;
}
