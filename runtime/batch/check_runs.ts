/** Looks for damage in what the batch layer has stored: claims, decisions, and published rows. */
import { DamagedError } from "../std/errors.ts";
import { type Cut, encodeFrontier, reaches } from "../model/frontier.ts";
import type { ObjectStore, Warehouse } from "../ports/ports.ts";
import {
  allTimeRowsSql,
  BatchLevel,
  dayRowsWhere,
  type PluginTables,
  pointerSql,
} from "../sql/tables.ts";
import { decodeClaim, runName } from "./claims.ts";
import type { Publication } from "./pointer_rows.ts";
import { countRows, decodePublication } from "./published_run.ts";

/** The claims and decisions of a topic. */
export interface RunObjects {
  /** The name of the newest claim; null where there is none. */
  readonly last: string | null;
  readonly cut: Cut;
  /** What was decided, by batch table and run. */
  readonly decisions: ReadonlyMap<string, Publication>;
  readonly faults: readonly DamagedError[];
}

/** Reads every claim and decision of a topic. */
export async function readRunObjects(store: ObjectStore, topic: string): Promise<RunObjects> {
  const faults: DamagedError[] = [];
  const decisions = new Map<string, Publication>();
  let cut: Cut = {};
  let last: string | null = null;
  for await (const [name, bytes] of objectsOf(store, `${topic}/runs/`)) {
    judged(faults, () => {
      const claim = decodeClaim(name, bytes);
      if (!name.endsWith(`/${runName(claim.run)}.json`)) {
        throw new DamagedError(name, `it claims run ${claim.run}, which has another name`);
      }
      if (!reaches(claim.cut, cut)) {
        throw new DamagedError(name, "its cut lies below that of an earlier run");
      }
      cut = claim.cut;
      last = name;
    });
  }
  for await (const [name, bytes] of objectsOf(store, `${topic}/successors/`)) {
    judged(faults, () => {
      const publication = decodePublication(name, bytes);
      decisions.set(`${name.split("/").at(-2)} ${publication.run}`, publication);
    });
  }
  return { last, cut, decisions, faults };
}

async function* objectsOf(
  store: ObjectStore,
  prefix: string,
): AsyncGenerator<[name: string, bytes: Uint8Array]> {
  for await (const { name } of store.list(prefix)) {
    const bytes = await store.get(name);
    // Null: removed meanwhile, as old ones are.
    if (bytes !== null && name.endsWith(".json")) yield [name, bytes];
  }
}

function judged(faults: DamagedError[], action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof DamagedError)) throw error;
    faults.push(error);
  }
}

/**
 * Compares the newest claim with the archive.
 *
 * @param archived how far the archive reached after the claims were read.
 */
export function claimBeyond({ last, cut }: RunObjects, archived: Cut): DamagedError[] {
  if (last === null || reaches(archived, cut)) return [];
  const [is, reached] = [cut, archived].map(encodeFrontier);
  const damage = `its run is cut at ${is}, and the archive reaches ${reached}: manifests are ` +
    "missing, or the claim was changed";
  return [new DamagedError(last, damage)];
}

/**
 * Compares a metric's published rows with each other: the run has the rows that were counted when it
 * was published, its last full run has a pointer, and grain, day and all-time rows have equal sums.
 */
export async function checkPublished(
  warehouse: Warehouse,
  tables: PluginTables,
  decisions: RunObjects["decisions"],
): Promise<DamagedError[]> {
  const faults: DamagedError[] = [];
  const fault = (damage: string) => faults.push(new DamagedError(`table ${tables.batch}`, damage));
  const [pointer] = await warehouse.query<Pointer>(pointerSql(tables));
  if (pointer === undefined) return faults;
  const [run, fullRun] = [Number(pointer.run), Number(pointer.full_run)];
  const decided = decisions.get(`${tables.batch} ${run}`);
  const rows = await countRows(warehouse, tables, run);
  if (decided !== undefined && decided.rows !== rows) {
    fault(`run ${run} was published with ${decided.rows} rows, the table has ${rows}`);
  }
  const params = { run, full_run: fullRun, skipped: pointer.skipped.map(Number) };
  const [sums] = await warehouse.query<Record<"grain" | "day" | "all_time", string>>(
    levelSumsSql(tables),
    { params },
  );
  if (sums.grain !== sums.day || sums.day !== sums.all_time) {
    fault(
      `the sums of run ${run} differ: ${sums.grain} by grain, ${sums.day} by day, ` +
        `${sums.all_time} of all time`,
    );
  }
  return faults;
}

interface Pointer {
  readonly run: number | string;
  readonly full_run: number | string;
  readonly skipped: readonly (number | string)[];
}

/** The sums of the additive measures by level, as texts. */
function levelSumsSql(tables: PluginTables): string {
  const sums = tables.plugin.measureColumns.filter(({ additive }) => additive)
    .map(({ name }) => `sum(${name})`);
  const from = (rows: string) => `(SELECT toString(tuple(${sums.join(", ")})) FROM ${rows})`;
  const level = (name: "grain" | "day") =>
    from(`${tables.batch} WHERE ${dayRowsWhere(tables, BatchLevel[name])}`);
  return `SELECT ${level("grain")} AS grain, ${level("day")} AS day,
  ${from(`(${allTimeRowsSql(tables)})`)} AS all_time`;
}
