/** What is known of plugins that are refused: their names, topics, schemas and problems. */
import { basename } from "node:path";
import type { EventSchema } from "../events.ts";
import { declaredPlugin, declaringFile } from "../model/generation.ts";
import type { ProblemReport } from "../model/problems.ts";
import { refusedPlugin } from "./check_plugins.ts";
import type { LiveRow } from "./live_rows.ts";
import type { Pause } from "./pauses.ts";
import type { Declarations, LoadedPlugin, RefusedPlugin } from "./load_plugins.ts";

/** A refused plugin by the name that it has, or had when it ran. */
export interface KnownRefused extends RefusedPlugin {
  /** Empty where nothing says which topic it is made of. */
  readonly topic: string;
  /** Why it does not run. */
  readonly problem: ProblemReport;
}

/**
 * Names the refused plugins. A file that does not load declares the plugin that it declared when it
 * last ran, else one by the file's name; where another file declares that name by now, the whole name
 * of the file stands for it.
 *
 * @param rows the generations that answer, by plugin.
 * @param files the files of the plugins that run, by plugin. Default: none run.
 */
export function knownRefused(
  { plugins, refused }: Pick<Declarations, "plugins" | "refused">,
  rows: ReadonlyMap<string, LiveRow>,
  files: ReadonlyMap<string, string> = new Map(),
): KnownRefused[] {
  const loaded = new Set(
    [...plugins, ...refused.map((one) => one.declared)].map((one) => one?.plugin.name),
  );
  const known = (one: RefusedPlugin, topic: string) => {
    return { ...one, topic, problem: refusedPlugin(one) };
  };
  return refused.map((one) => {
    if (one.declared !== null) return known(one, one.declared.plugin.source.topic);
    const [running] = [...files].find(([name, file]) => file === one.file && !loaded.has(name)) ??
      [];
    if (running !== undefined) return known({ ...one, name: running }, "");
    const row = [...rows.values()].find((row) => declaringFile(row.declaration) === one.file) ??
      rows.get(one.name);
    if (row === undefined || loaded.has(row.plugin)) {
      return known({ ...one, name: loaded.has(one.name) ? basename(one.file) : one.name }, "");
    }
    return known({ ...one, name: row.plugin }, row.topic);
  });
}

/** A plugin that loads and does not run: the schema of its topic is refused, or it is paused. */
export function notRun(declared: LoadedPlugin, problem: ProblemReport): KnownRefused {
  const { plugin: { name, source: { topic } }, file, source } = declared;
  return {
    kind: "plugin" as const,
    name,
    file,
    source,
    faults: [problem.message],
    declared,
    topic,
    problem,
  };
}

/** What is reported of a paused metric. */
export function pausedProblem(plugin: string, { at, by }: Pause): ProblemReport {
  return {
    code: "metric_paused",
    subject: `plugin ${plugin}`,
    message: `Metric ${plugin} was paused at ${at} by ${by}: it counts no events after that. To ` +
      `resume it, run: twofold plugins resume ${plugin}`,
    plugin,
  };
}

/**
 * The schema of each topic. One that refused plugins alone are made of is the one that they declare,
 * or declared when they last ran: its events are taken and kept.
 */
export function schemasOf(
  plugins: readonly LoadedPlugin[],
  refused: readonly KnownRefused[],
  rows: ReadonlyMap<string, LiveRow>,
): EventSchema[] {
  const declared = [...plugins, ...refused.map((one) => one.declared)]
    .flatMap((one) => one === null ? [] : one.plugin.source);
  const stored = refused.flatMap(({ name }) => {
    const row = rows.get(name);
    return row === undefined ? [] : declaredPlugin(row.declaration)?.source ?? [];
  });
  return [...Map.groupBy([...declared, ...stored], ({ topic }) => topic).values()]
    .map(([schema]) => schema);
}
