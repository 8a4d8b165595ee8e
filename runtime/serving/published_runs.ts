/** Which run of the batch layer to read: the newest published one, looked up once for many. */
import type { Clock } from "../std/clock.ts";
import { type Cut, cutOfRow } from "../model/frontier.ts";
import type { Warehouse } from "../ports/ports.ts";
import { SharedCalls } from "../std/shared_calls.ts";
import { type PluginTables, pointerSql } from "../sql/tables.ts";
import type { PublishedRun } from "./metric_parts.ts";

/** The published run of a plugin. */
export interface Published {
  /** Null when none is published. */
  readonly run: PublishedRun | null;
  readonly cut: Cut;
  /** When it was published, ISO 8601; null when none is. */
  readonly published: string | null;
}

/** Options of {@link PublishedRuns}. */
export interface PublishedRunsOptions {
  readonly warehouse: Warehouse;
  readonly clock: Clock;
  /**
   * How long a run may be read before looking for a newer one of another process, in milliseconds;
   * it is read up to twice as long while it looks. Default 0: looks every time.
   */
  readonly maxAgeMs?: number;
}

/** The newest published runs, by plugin. */
export class PublishedRuns {
  readonly #warehouse: Warehouse;
  readonly #calls: SharedCalls;

  constructor({ warehouse, clock, maxAgeMs = 0 }: PublishedRunsOptions) {
    this.#warehouse = warehouse;
    this.#calls = new SharedCalls(clock, { freshMs: maxAgeMs, heldMs: 2 * maxAgeMs });
  }

  /**
   * The newest published run, or the one that was it just now.
   *
   * @param runsEnded moves when this process may have published a run: then it looks again.
   */
  async of(tables: PluginTables, runsEnded: number, signal?: AbortSignal): Promise<Published> {
    const read = (within: AbortSignal) => readPointer(this.#warehouse, tables, within);
    return await this.#calls.get([tables.batch, runsEnded], read, { signal });
  }
}

interface PointerRow {
  readonly run: number | string;
  readonly full_run: number | string;
  readonly skipped: readonly (number | string)[];
  readonly cut: Readonly<Record<string, readonly (number | string)[]>>;
  readonly published: string;
}

async function readPointer(
  warehouse: Warehouse,
  tables: PluginTables,
  signal: AbortSignal,
): Promise<Published> {
  const rows = await warehouse.query<PointerRow>(pointerSql(tables), { signal });
  if (rows.length === 0) return { run: null, cut: {}, published: null };
  const [{ run, full_run, cut, skipped, published }] = rows;
  const numbers = { run: Number(run), fullRun: Number(full_run), skipped: skipped.map(Number) };
  return { run: numbers, cut: cutOfRow(cut), published };
}
