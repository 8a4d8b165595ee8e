/** Which windows of the speed layer are whole, where its rows do not begin with the log. */
import type { Clock } from "../std/clock.ts";
import type { Plugin } from "../plugin.ts";
import type { ArchivedRecords, EventLog, Warehouse } from "../ports/ports.ts";
import type { WholeWindows } from "../ports/services.ts";
import { type LedgerFacts, ledgerTable } from "./ledger.ts";

/** What {@link EventsBelow} is asked of. */
export interface EventsBelowOptions {
  readonly warehouse: Warehouse;
  readonly log: EventLog;
  readonly ledger: LedgerFacts;
  readonly archived?: ArchivedRecords;
  readonly clock: Clock;
}

interface LedgerRow {
  readonly partition: number;
  readonly begins: number | string;
  /** The greatest event time below the blocks asked for; null where the ledger has none there. */
  readonly below: number | null;
  /** The least of the future events below them; null where there is none. */
  readonly future: number | null;
  /** The greatest event time of all. */
  readonly newest: number;
}

/** What lies below some blocks, in milliseconds since 1970 UTC. */
export interface TimesBelow {
  /**
   * The greatest event time, future events of the ledger left out; -1 where there is no event. What
   * neither ledger nor archive tells may be as new as anything.
   */
  readonly lastMs: number;
  /** The least event time of the ledger's future events; null where there is none. */
  readonly futureMs: number | null;
}

/** So long the archive is not asked again for what it did not hold, in milliseconds. */
const ASK_AGAIN_MS = 10_000;

/** How many cuts' append times are kept. */
const MOST_CUTS = 100;

/** Tells the greatest event time below blocks: from the ledger, and below that from the archive. */
export class EventsBelow {
  readonly #options: EventsBelowOptions;
  /** Of the archive, by partition and offset: what lies below an offset does not change. */
  readonly #archived = new Map<string, { readonly ms: number | null; readonly askedMs: number }>();

  /** Append times below cuts, by cut. */
  readonly #appended = new Map<string, readonly (number | null)[]>();

  constructor(options: EventsBelowOptions) {
    this.#options = options;
  }

  /** @param first blocks by partition. */
  async times(first: readonly bigint[]): Promise<TimesBelow> {
    const { warehouse, log, ledger, clock } = this.#options;
    const rows = await warehouse.query<LedgerRow>(
      `WITH block < arrayElement({first:Array(UInt64)}, partition + 1) AS is_below
       SELECT partition, min(block) AS begins, max(last_event_ms) AS newest,
         maxOrNullIf(last_event_ms, is_below) AS below,
         minOrNullIf(first_future_ms, is_below AND future_events > 0) AS future
       FROM ${ledgerTable(ledger, log.id)} FINAL GROUP BY partition`,
      { params: { first } },
    );
    const seen = Math.max(-1, ...rows.map((row) => row.newest));
    const newest = seen < 0 ? clock.now() : seen;
    const known = new Map(rows.map((row) => [row.partition, row]));
    const last = await Promise.all(first.map(async (block, partition) => {
      const { begins, below } = known.get(partition) ?? { begins: block, below: null };
      const unknownBelow = BigInt(begins) < block ? BigInt(begins) : block;
      const archived = unknownBelow === 0n ? -1 : await this.#inArchive(partition, unknownBelow);
      return Math.max(below ?? -1, archived ?? newest);
    }));
    const future = rows.flatMap((row) => row.future ?? []);
    return {
      lastMs: Math.max(-1, ...last),
      futureMs: future.length === 0 ? null : Math.min(...future),
    };
  }

  /**
   * The greatest append time below a cut, by partition; null where the ledger does not go up to it,
   * or has nothing there.
   */
  async appended(cut: readonly bigint[]): Promise<readonly (number | null)[]> {
    const key = cut.join();
    const known = this.#appended.get(key);
    if (known !== undefined) return known;
    const { warehouse, log, ledger } = this.#options;
    const rows = await warehouse.query<{ partition: number; ms: number; end: number | string }>(
      `SELECT partition, max(last_append_ms) AS ms, max(version) AS end
       FROM ${ledgerTable(ledger, log.id)}
       WHERE block < arrayElement({cut:Array(UInt64)}, partition + 1) GROUP BY partition`,
      { params: { cut } },
    );
    const times = cut.map((offset, partition) => {
      const row = rows.find((each) => each.partition === partition);
      return row !== undefined && BigInt(row.end) >= offset && row.ms >= 0 ? row.ms : null;
    });
    // Once it is all there, it stays. Few cuts are asked for at a time: those of newest runs.
    if (this.#appended.size >= MOST_CUTS) this.#appended.clear();
    if (!times.includes(null)) this.#appended.set(key, times);
    return times;
  }

  async #inArchive(partition: number, end: bigint): Promise<number | null> {
    const { archived, clock } = this.#options;
    const key = `${partition} ${end}`;
    const known = this.#archived.get(key);
    if (known !== undefined && (known.ms !== null || clock.now() - known.askedMs < ASK_AGAIN_MS)) {
      return known.ms;
    }
    // A store that fails is no reason to give no answer; the one without it is the careful one.
    const ms = await archived?.lastEventMs(partition, end).catch(() => null) ?? null;
    this.#archived.set(key, { ms, askedMs: clock.now() });
    return ms;
  }
}

/**
 * The windows that are whole where a plugin's rows begin with some blocks.
 *
 * @param first blocks by partition.
 * @param below tells the times of the events below them.
 */
export async function wholeWindows(
  { stream }: Plugin,
  first: readonly bigint[],
  below: (first: readonly bigint[]) => Promise<TimesBelow>,
): Promise<WholeWindows> {
  if (first.every((block) => block === 0n)) return { fromMs: null, untilMs: null };
  const { lastMs, futureMs } = await below(first);
  const sizeMs = stream.window.sizeSeconds * 1000;
  return {
    fromMs: lastMs < 0 ? null : (Math.floor(lastMs / sizeMs) + 1) * sizeMs,
    untilMs: futureMs === null ? null : Math.floor(futureMs / sizeMs) * sizeMs,
  };
}
