import type { Clock } from "../std/clock.ts";
import { type Cut, reaches } from "../model/frontier.ts";
import type { EventLog, Warehouse } from "../ports/ports.ts";
import type { SpeedLayer, WholeWindows } from "../ports/services.ts";
import type { PluginTables } from "../sql/tables.ts";
import type { LedgerFacts } from "./ledger.ts";
import { partitionsOf } from "./resume.ts";
import { TablePositions } from "./table_positions.ts";
import { type TimesBelow, wholeWindows } from "./whole_windows.ts";

/** Options of {@link openTableSpeed}. */
export interface TableSpeedOptions {
  readonly tables: PluginTables;
  readonly warehouse: Warehouse;
  readonly log: EventLog;
  readonly ledger: LedgerFacts;
  readonly clock: Clock;
  /** What lies below blocks, by partition, as `LogSpeedLayer.below()` gives it. */
  readonly below: (first: readonly bigint[]) => Promise<TimesBelow>;
}

const LOOK_MS = 500;

/** The speed rows of one generation as its tables have them, for a process without its code. */
export class TableSpeed implements SpeedLayer {
  readonly #options: TableSpeedOptions;
  readonly #positions: TablePositions;

  /** Use {@link openTableSpeed}. */
  constructor(options: TableSpeedOptions, positions: TablePositions) {
    this.#options = options;
    this.#positions = positions;
  }

  /** Looks how far the tables are written. Called about once a second. */
  async look(): Promise<void> {
    await this.#positions.look();
  }

  frontier(plugin: string): Cut {
    return this.#cut((partition) => this.#positions.of(plugin, partition).frontier);
  }

  start(plugin: string): Cut {
    return this.#cut((partition) => this.#positions.of(plugin, partition).first);
  }

  async wholeWindows(plugin: string): Promise<WholeWindows> {
    const { tables, log, below } = this.#options;
    // A process with its code removes blocks.
    await this.#positions.fetchFirstBlocks();
    return await wholeWindows(tables.plugin, [...this.start(plugin)[log.id]], below);
  }

  async reached(plugin: string, target: Cut, signal: AbortSignal): Promise<void> {
    while (!reaches(this.frontier(plugin), target) && !signal.aborted) {
      await this.#options.clock.sleep(LOOK_MS, signal);
      await this.look();
    }
  }

  /** Nothing of it waits in this process. */
  async fresh(): Promise<void> {}

  recent(): null {
    return null;
  }

  #cut(at: (partition: number) => bigint): Cut {
    return { [this.#options.log.id]: partitionsOf(this.#options.log).map(at) };
  }
}

/** Opens the speed rows of a generation; makes its table for this log where there is none. */
export async function openTableSpeed(options: TableSpeedOptions): Promise<TableSpeed> {
  const positions = new TablePositions({ ...options, plugins: [options.tables] });
  await positions.open();
  return new TableSpeed(options, positions);
}
