/** Looks for rows that are missing from a topic's tables. */
import { checkPublished, type RunObjects } from "../batch/check_runs.ts";
import type { Warehouse } from "../ports/ports.ts";
import type { DamagedError } from "../std/errors.ts";
import { checkDeadLetters, type CheckedLedger, checkLedger } from "./ledger_check.ts";
import { type CheckedPlugin, checkSpeed, type SpeedEnd } from "./speed_check.ts";
import { unlessUnreadable } from "./warehouse_check.ts";

/** The tables of a topic. */
export interface CheckedTopic {
  readonly topic: string;
  readonly log: { readonly id: string };
  readonly plugins: readonly CheckedPlugin[];
  readonly ledger: Omit<CheckedLedger, "topic" | "logId">;
  /** Whether other processes write and remove speed rows, too. */
  readonly shared: boolean;
}

/**
 * Compares the rows of the batch tables, of the speed tables, of the ledger and of the dead letters
 * with each other, and with what this process knows of them.
 *
 * @param fast leaves out the speed rows below the published cuts.
 * @returns the faults, the speed tables that have none, and where the speed tables end.
 */
export async function checkRows(
  warehouse: Warehouse,
  { topic, log, plugins, ledger, shared }: CheckedTopic,
  decisions: RunObjects["decisions"],
  fast: boolean,
): Promise<{ faults: DamagedError[]; whole: string[]; ends: SpeedEnd[] }> {
  const faults: DamagedError[] = [];
  const whole: string[] = [];
  const ends: SpeedEnd[] = [];
  const check = async (object: string, found: () => Promise<DamagedError[]>) => {
    const these = await unlessUnreadable(object, found);
    faults.push(...these);
    return these.length === 0;
  };
  for (const plugin of plugins) {
    const { tables } = plugin;
    await check(
      `table ${tables.batch}`,
      () => checkPublished(warehouse, tables, decisions),
    );
    const object = `table ${tables.speed(log.id)}`;
    const isWhole = await check(object, async () => {
      const found = await checkSpeed(warehouse, plugin, log.id, { fast, shared });
      ends.push(...found.ends);
      return found.faults;
    });
    if (isWhole) whole.push(object);
  }
  const counted = { topic, logId: log.id, ...ledger };
  await check(`table ${ledger.table}`, () => checkLedger(warehouse, counted));
  await check(`table dead_letters, topic ${topic}`, () => checkDeadLetters(warehouse, counted));
  return { faults, whole, ends };
}
