/** Which run of the batch layer to read: the newest published one, looked up once for many. */
import type { Clock } from "../std/clock.ts";
import { type Cut, type CutJson, decodeCut } from "../model/frontier.ts";
import type { Warehouse } from "../ports/ports.ts";
import type { NotComparedSince } from "../ports/services.ts";
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
  /** Why its days have not all been compared with the speed layer; null where they have. */
  readonly notCompared?: NotComparedSince | null;
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
  /** Why days of runs up to a given one wait for their comparison. Default: they do not. */
  readonly waiting?: (
    tables: PluginTables,
    run: number,
    signal: AbortSignal,
  ) => Promise<NotComparedSince | null>;
}

/** The newest published runs, by plugin. */
export class PublishedRuns {
  readonly #warehouse: Warehouse;
  readonly #waiting: PublishedRunsOptions["waiting"];
  readonly #calls: SharedCalls;
  /** By batch table, a run that was found compared: it stays so. */
  readonly #compared = new Map<string, number>();

  constructor({ warehouse, clock, maxAgeMs = 0, waiting }: PublishedRunsOptions) {
    this.#warehouse = warehouse;
    this.#waiting = waiting;
    this.#calls = new SharedCalls(clock, { freshMs: maxAgeMs, heldMs: 2 * maxAgeMs });
  }

  /**
   * The newest published run, or the one that was it just now.
   *
   * @param runsEnded moves when this process may have published a run: then it looks again.
   */
  async of(tables: PluginTables, runsEnded: number, signal?: AbortSignal): Promise<Published> {
    const read = async (within: AbortSignal) => {
      const published = await readPointer(this.#warehouse, tables, within);
      return { ...published, notCompared: await this.#notCompared(tables, published, within) };
    };
    return await this.#calls.get([tables.batch, runsEnded], read, { signal });
  }

  /**
   * Why the newest published run, or the one that was it just now, has not been compared with the
   * speed layer; null where it has. Asked after an answer, so it speaks of no earlier run.
   */
  async notCompared(
    tables: PluginTables,
    runsEnded: number,
    signal?: AbortSignal,
  ): Promise<NotComparedSince | null> {
    if (this.#waiting === undefined) return null;
    return (await this.of(tables, runsEnded, signal)).notCompared ?? null;
  }

  /** Days wait from before their run is published: a reader that sees the run sees them. */
  async #notCompared(tables: PluginTables, { run }: Published, signal: AbortSignal) {
    if (run === null || this.#compared.get(tables.batch) === run.run) return null;
    const found = await this.#waiting?.(tables, run.run, signal) ?? null;
    if (found === null) this.#compared.set(tables.batch, run.run);
    return found;
  }
}

interface PointerRow {
  readonly run: number | string;
  readonly full_run: number | string;
  readonly skipped: readonly (number | string)[];
  readonly cut: CutJson;
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
  return { run: numbers, cut: decodeCut(cut), published };
}
