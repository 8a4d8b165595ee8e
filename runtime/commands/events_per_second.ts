import { UserError } from "../std/errors.ts";
import type { Command } from "../settings/setting.ts";

const MOST = 1e9;

/**
 * Reads `--rate N`.
 *
 * @throws {UserError} for what is no whole number of events per second.
 */
export function eventsPerSecond(command: Command, given: string | boolean): number {
  const rate = /^\d+$/.test(String(given)) ? Number(given) : 0;
  if (rate >= 1 && rate <= MOST) return rate;
  throw new UserError(
    `Cannot ${command}: --rate must be "max" or whole events per second from 1 on, got "${given}"`,
    { field: "rate" },
  );
}
