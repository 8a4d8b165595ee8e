/** What a run has to do: its number and cut, and per plugin the days to recompute. */
import { ExternalError } from "../std/errors.ts";
import { type Cut, encodeFrontier, furthest, reaches } from "../model/frontier.ts";
import type { Reading } from "../model/reading.ts";
import type { DayRange } from "../ports/batch_layer.ts";
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
 * @param forced whether there is a run also when nothing is new.
 * @returns null when nothing is new for any plugin, and the run is not forced.
 * @throws ExternalError, not retriable, when the archive ends before what earlier runs cover.
 */
export async function claimRun(
  claims: Claims,
  archive: ArchiveReader,
  standings: readonly Standing[],
  forced: boolean,
  startedMs: number,
): Promise<Claim | null> {
  for (let attempt = 0; attempt < MAX_CLAIMS; attempt++) {
    const last = await claims.last();
    const cut = await cutBeyond(archive, standings, last);
    if (!forced && standings.every((standing) => isDone(standing, cut))) return null;
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

/**
 * The archive's frontier, which must be at least what earlier runs cover, in each component.
 *
 * @param last the newest claim.
 */
export async function cutBeyond(
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

/** Whether a range has no bounds, so that everything is recomputed. */
export const isEverything = ({ from, to }: DayRange) => from === null && to === null;

/** Whether a range holds a day. */
export const isWithin = ({ from, to }: DayRange, day: string): boolean =>
  (from === null || day >= from) && (to === null || day <= to);

/**
 * The steps of a run up to `cut`, for the plugins that it has something new for.
 *
 * @param again the days that are recomputed although nothing is new; null for none.
 */
export async function planSteps(
  archive: ArchiveReader,
  standings: readonly Standing[],
  cut: Cut,
  again: DayRange | null,
): Promise<PluginStep[]> {
  const daysByBase = new Map<string, string[]>();
  const steps: PluginStep[] = [];
  for (const standing of standings) {
    if (again === null && isDone(standing, cut)) continue;
    const { plugin, pointer, waiting } = standing;
    const full = pointer.run === 0 || (again !== null && isEverything(again));
    const base = full ? {} : pointer.cut;
    const name = encodeFrontier(base);
    const touched = daysByBase.get(name) ?? await touchedDays(archive, base, cut);
    daysByBase.set(name, touched);
    const days = again === null || full
      ? touched
      : [...new Set([...touched, ...await archivedDays(archive, again)])].sort();
    steps.push({
      plugin,
      base: pointer.run,
      baseFullRun: pointer.fullRun,
      full,
      days,
      reads: await readingOf(archive, days).catch(() => null),
      waiting: [...new Set(waiting).difference(new Set(days))],
    });
  }
  return steps;
}

/** What recomputing some days reads: told before a run, and on request without one. */
export async function readingOf(archive: ArchiveReader, days: readonly string[]): Promise<Reading> {
  const files = await archive.files(days);
  return {
    days: days.length,
    files: files.length,
    events: files.reduce((sum, { rows }) => sum + rows, 0),
    bytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
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

async function archivedDays(archive: ArchiveReader, range: DayRange): Promise<string[]> {
  const files = await archive.files(null);
  return files.filter(({ day, rows }) => rows > 0 && isWithin(range, day)).map(({ day }) => day);
}
