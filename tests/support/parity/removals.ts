/** Removing speed rows, as retention does, and which windows are whole then. */
import type { Cut } from "../../../runtime/model/frontier.ts";
import type { Warehouse } from "../../../runtime/ports/ports.ts";
import type { WholeWindows } from "../../../runtime/ports/services.ts";
import { BatchLevel, type PluginTables } from "../../../runtime/sql/tables.ts";
import type { ManualClock } from "../manual_clock.ts";
import type { MemoryLog } from "../memory_log.ts";
import type { EngineModules } from "./engine_modules.ts";
import { ledgerFacts } from "./speed_process.ts";

/** How many parts of what may be removed there are. */
export const SHARES = 4;

/** What {@link Removals} works on. */
export interface RemovalsOptions {
  readonly engine: EngineModules;
  readonly warehouse: Warehouse;
  readonly log: MemoryLog;
  readonly tables: PluginTables;
  readonly clock: ManualClock;
}

/** The speed rows of one plugin that are removed. */
export class Removals {
  readonly #options: RemovalsOptions;
  readonly #positions: InstanceType<EngineModules["TablePositions"]>;
  readonly #below: InstanceType<EngineModules["EventsBelow"]>;

  constructor(options: RemovalsOptions) {
    const { engine, tables, log } = this.#options = options;
    const over = { ...options, plugins: [tables], ledger: ledgerFacts(log) };
    this.#positions = new engine.TablePositions(over);
    this.#below = new engine.EventsBelow(over);
  }

  /** Makes the tables. Called once, before anything else. */
  async open(): Promise<void> {
    await this.#positions.open();
  }

  /** Removes blocks below the cut before the published one, or of some part of it, in quarters. */
  async remove(share: number): Promise<void> {
    const { engine, warehouse, tables, log, clock } = this.#options;
    const [row] = await warehouse.query<{ cut: Record<string, (number | string)[]> }>(
      `SELECT run, any(cut) AS cut FROM ${tables.batch} WHERE level = ${BatchLevel.pointer}
       GROUP BY run ORDER BY run DESC LIMIT 1 OFFSET 1`,
    );
    if (row === undefined) return;
    const offsets = (row.cut[log.id] ?? []).map((at) =>
      BigInt(at) * BigInt(share) / BigInt(SHARES)
    );
    const cuts = new Map<string, Cut>([[tables.batch, { [log.id]: offsets }]]);
    await engine.expireBlocks(
      {
        ...this.#options,
        plugins: [tables],
        ledger: ledgerFacts(log),
        positions: this.#positions,
        shared: false,
      },
      cuts,
      clock.now() + 1,
    );
  }

  /** The first blocks that are kept, by partition. */
  first(): bigint[] {
    const { log, tables: { plugin } } = this.#options;
    return Array.from(
      { length: log.partitionCount() },
      (_, partition) => this.#positions.of(plugin.name, partition).first,
    );
  }

  /** The windows that are whole. */
  async wholeWindows(): Promise<WholeWindows> {
    const { engine, tables: { plugin } } = this.#options;
    return await engine.wholeWindows(plugin, this.first(), (first) => this.#below.times(first));
  }
}
