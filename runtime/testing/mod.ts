/** What tests of plugins import as "twofold/testing". It needs no server and no running Twofold. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "../plugin.ts";
import type { RowFormat } from "../row_format.ts";
import { EventWriter } from "../sources/event_writer.ts";
import { ParsedRows } from "../sources/parsed_rows.ts";
import { UserError } from "../std/errors.ts";
import { Laboratory, type LayerRow, type LayerRows, type Subject } from "./laboratory.ts";
import { checkParity, ParityError, type ParityRuns } from "./parity.ts";

export { type LayerRow, type LayerRows, ParityError, type ParityRuns };

/** Where a plugin's SQL files are. */
export interface SqlOptions {
  /** The folder that `batch.sql` is below. Default: `sql/` of this checkout. */
  readonly sqlFolder?: string | URL;
}

/**
 * Computes a plugin over a few events, once by the speed layer and once by its batch SQL in the
 * embedded engine.
 *
 * @param events as producers send them: objects, or the texts of records. An event that occurs
 * again (the same id and instant) counts once.
 * @returns the rows of each layer by the grain of `batch.grain`.
 * @throws TypeError naming the event that cannot be decoded.
 * @example
 * ```ts
 * import { count, definePlugin, defineSchema, instant, string } from "twofold";
 * import { rowsOf } from "twofold/testing";
 *
 * const visits = defineSchema({
 *   topic: "visits", version: 1, summary: "", eventId: "id", eventTime: "at", partitionKey: "page",
 *   fields: { id: string(), at: instant(), page: string() },
 * });
 * const plugin = definePlugin(visits, {
 *   name: "visits",
 *   summary: "Visits per page",
 *   key: ({ page }) => ({ page }),
 *   measures: () => ({ visit_count: count() }),
 * });
 * const { speed, batch } = await rowsOf(plugin, [
 *   { id: "1", at: "2026-01-05T10:00:00Z", page: "/" },
 *   { id: "2", at: "2026-01-05T10:59:00Z", page: "/" },
 * ]);
 * const row = { bucket: "2026-01-05T10:00:00Z", page: "/", visit_count: 2 };
 * for (const rows of [speed, batch]) {
 *   if (JSON.stringify(rows) !== JSON.stringify([row])) throw new Error(JSON.stringify(rows));
 * }
 * ```
 */
export async function rowsOf(
  plugin: Plugin,
  events: readonly (object | string)[],
  options: SqlOptions = {},
): Promise<LayerRows> {
  const subject = await subjectOf(plugin, options);
  return await inLaboratory((laboratory) => laboratory.rowsOf(subject, events));
}

/**
 * Checks that both layers of a plugin give the same for random streams of its schema: out of order
 * and late, repeated, with nulls, with values at the bounds of fields and at the constants of the
 * plugin. A stream that fails is shrunk to the smallest one.
 *
 * @throws ParityError with the cells that differ, the seed, and the stream as a test to paste.
 * @throws UserError when the engine refuses the batch SQL.
 * @example
 * ```ts
 * import { expectParity } from "twofold/testing";
 * import ratings from "../../plugins/ratings.ts";
 *
 * await expectParity(ratings, { runs: 5, seed: 1 });
 * ```
 */
export async function expectParity(
  plugin: Plugin,
  options: ParityRuns & SqlOptions = {},
): Promise<void> {
  const subject = await subjectOf(plugin, options);
  await inLaboratory((laboratory) => checkParity(laboratory, subject, options));
}

/**
 * The events of lines in a row format, as texts of JSON for {@link rowsOf}.
 *
 * @throws TypeError naming the line that is no event.
 * @example
 * ```ts
 * import { eventsOf } from "twofold/testing";
 * import movielens from "../../plugins/movielens.format.ts";
 *
 * const [event] = eventsOf(movielens, ["1::2::8.50::1362062307"]);
 * if (JSON.parse(event).rating !== 8.5) throw new Error(event);
 * ```
 */
export function eventsOf(format: RowFormat, lines: readonly string[]): string[] {
  const rows = new ParsedRows(format);
  return lines.map((line, i) => {
    const writer = new EventWriter();
    const bytes = new TextEncoder().encode(line);
    const fault = rows.write(bytes, 0, bytes.length, writer);
    if (fault !== null) {
      throw new TypeError(`Cannot read line ${i} as ${format.name}: ${fault.reason}`);
    }
    return new TextDecoder().decode(writer.view());
  });
}

async function subjectOf(plugin: Plugin, { sqlFolder }: SqlOptions): Promise<Subject> {
  const { sql } = plugin.batch;
  if (!sql.endsWith(".sql")) return { plugin, batchSql: sql };
  const folder = sqlFolder ?? new URL("../../sql/", import.meta.url);
  const path = join(folder instanceof URL ? fileURLToPath(folder) : folder, sql);
  const batchSql = await Deno.readTextFile(path).catch((cause) => {
    throw new UserError(
      `Cannot test plugin "${plugin.name}": its batch.sql cannot be read from ${path}; sqlFolder ` +
        "names the folder that holds it",
      { cause },
    );
  });
  return { plugin, batchSql };
}

/** Open while it is used: a process opens one engine, and a test must leave nothing open. */
let shared: { readonly opened: Promise<Laboratory>; users: number } | null = null;

async function inLaboratory<T>(use: (laboratory: Laboratory) => Promise<T>): Promise<T> {
  const own = shared ??= { opened: Laboratory.open(), users: 0 };
  own.users++;
  try {
    return await use(await own.opened);
  } finally {
    if (--own.users === 0) {
      shared = null;
      await own.opened.then((laboratory) => laboratory.close(), () => {});
    }
  }
}
