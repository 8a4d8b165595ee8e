/** What a run has to do: its number and cut, and per plugin the days to recompute. */
import { ExternalError } from "../std/errors.ts";
import { type Cut, encodeFrontier, furthest, reaches } from "../model/frontier.ts";
import type { ArchiveReader } from "../ports/ports.ts";
import type { Claim, Claims } from "./claims.ts";
import { comparedDays } from "./drift.ts";
import type { Pointer } from "./published_run.ts";
import type { BatchPlugin, PluginStep } from "./plugin_step.ts";

/** A plugin and what its readers see when the run starts. */
export interface Standing {
  readonly plugin: BatchPlugin;
  readonly pointer: Pointer;
  /** Days of published runs that can be compared now, and were not. */
  readonly waiting: readonly string[];
}

/** Whether a run up to a cut would do nothing for a plugin. */
const isDone = ({ pointer, waiting }: Standing, cut: Cut) =>
  reaches(pointer.cut, cut) && waiting.length === 0;

/** Claims tried before a run gives up; each one lost means that another process has won one. */
const MAX_CLAIMS = 100;

/**
 * Claims the next run, cut at what is archived now.
 *
 * @param standings read before, so that every published run is below the claimed number.
 * @returns null when nothing is new for any plugin and `full` is not set.
 * @throws ExternalError, not retriable, when the archive ends before what earlier runs cover.
 */
export async function claimRun(
  claims: Claims,
  archive: ArchiveReader,
  standings: readonly Standing[],
  full: boolean,
  startedMs: number,
): Promise<Claim | null> {
  for (let attempt = 0; attempt < MAX_CLAIMS; attempt++) {
    const last = await claims.last();
    const cut = await cutBeyond(archive, standings, last);
    if (!full && standings.every((standing) => isDone(standing, cut))) return null;
    const published = standings.map(({ pointer }) => pointer.run);
    const claim: Claim = {
      run: Math.max(last?.run ?? 0, claims.seenFloor, ...published) + 1,
      cut,
      bases: Object.fromEntries(
        standings.map(({ plugin, pointer }) => [plugin.tables.batch, pointer.run]),
      ),
      started: new Date(startedMs).toISOString(),
    };
    if (await claims.claim(claim)) return claim;
  }
  throw new ExternalError(`Cannot claim a batch run: ${MAX_CLAIMS} numbers were taken by others`);
}

/** The archive's frontier, which must be at least what earlier runs cover, in each component. */
async function cutBeyond(
  archive: ArchiveReader,
  standings: readonly Standing[],
  last: Claim | null,
): Promise<Cut> {
  const floor = standings.map(({ pointer }) => pointer.cut).reduce(furthest, last?.cut ?? {});
  const cut = await archive.frontier();
  if (reaches(cut, floor)) return cut;
  // Another process may have seen more than an earlier look of ours: one more look tells.
  const again = await archive.frontier();
  if (reaches(again, floor)) return again;
  throw new ExternalError(`Cannot cut a batch run: ${shortfall(floor, again)}`, {
    retriable: false,
  });
}

/** Where the archive first ends before what earlier runs cover. */
function shortfall(floor: Cut, archived: Cut): string {
  for (const [log, offsets] of Object.entries(floor)) {
    const reached = (partition: number) => archived[log]?.[partition] ?? 0n;
    const partition = offsets.findIndex((offset, i) => reached(i) < offset);
    if (partition < 0) continue;
    const at = reached(partition);
    return `earlier runs cover partition ${partition} of log ${log} up to offset ` +
      `${offsets[partition]}, the archive's manifests reach offset ${at} only; the manifest that ` +
      `begins there is missing: restore it from a copy, "twofold verify" lists all damage`;
  }
  return "the archive ends before what earlier runs cover";
}

/** The steps of a claimed run, for the plugins that it has something new for. */
export async function planSteps(
  archive: ArchiveReader,
  standings: readonly Standing[],
  cut: Cut,
  full: boolean,
): Promise<PluginStep[]> {
  const daysByBase = new Map<string, string[]>();
  const steps: PluginStep[] = [];
  for (const standing of standings) {
    if (!full && isDone(standing, cut)) continue;
    const { plugin, pointer, waiting } = standing;
    const all = full || pointer.run === 0;
    const base = all ? {} : pointer.cut;
    const name = encodeFrontier(base);
    const days = daysByBase.get(name) ?? await touchedDays(archive, base, cut);
    daysByBase.set(name, days);
    steps.push({
      plugin,
      base: pointer.run,
      baseFullRun: pointer.fullRun,
      full: all,
      days,
      waiting: [...new Set(waiting).difference(new Set(days))],
    });
  }
  return steps;
}

/** Those of which nothing is published. */
export const unpublished = (standings: readonly Standing[]) =>
  standings.filter(({ pointer }) => pointer.run === 0);

/** The days that the steps together read. */
export function daysOf(steps: readonly PluginStep[]): string[] {
  return [...new Set(steps.flatMap(comparedDays))].sort();
}

async function touchedDays(archive: ArchiveReader, base: Cut, cut: Cut): Promise<string[]> {
  const days = new Set<string>();
  for await (const { files } of archive.manifests(base, cut)) {
    for (const { day, rows } of files) if (rows > 0) days.add(day);
  }
  return [...days].sort();
}
