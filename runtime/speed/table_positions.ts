import type { Clock } from "../std/clock.ts";
import type { EventLog, Warehouse } from "../ports/ports.ts";
import { createSpeedTable, type PluginTables, SpeedKind } from "../sql/tables.ts";
import { createLedgerTable, type LedgerFacts, type LedgerHistory, ledgerTable } from "./ledger.ts";
import { type PluginResume, readLedger } from "./resume.ts";

/** What {@link TablePositions} are read from. */
export interface TablePositionsOptions {
  readonly warehouse: Warehouse;
  readonly log: EventLog;
  readonly plugins: readonly PluginTables[];
  readonly ledger: LedgerFacts;
  readonly clock: Clock;
}

interface PositionRow {
  readonly plugin: string;
  readonly partition: number;
  readonly open_block: number;
  readonly frontier: number;
  readonly first: number;
}

/** Nothing was written of a partition. */
const NONE: PluginResume = { block: 0n, frontier: 0n, first: 0n };
/** Readers need no fresher answer to what changes once a minute, or is only shown. */
const FRESH_MS = 1000;

/** How far the tables of a log are written, whichever process writes them. */
export class TablePositions {
  readonly #options: TablePositionsOptions;
  /** By plugin, then by partition. */
  readonly #plugins: Map<string, Map<number, PluginResume>>;
  #ledger: LedgerHistory[] = [];
  #ledgerSeenMs = -Infinity;
  #firstSeenMs = -Infinity;

  constructor(options: TablePositionsOptions) {
    this.#options = options;
    this.#plugins = new Map(options.plugins.map(({ plugin }) => [plugin.name, new Map()]));
  }

  /** Knows nothing of a plugin yet. */
  add(plugin: string): void {
    this.#plugins.set(plugin, new Map());
  }

  /** Forgets a plugin that runs no more. */
  remove(plugin: string): void {
    this.#plugins.delete(plugin);
  }

  /** Makes the tables, and looks at all of them. */
  async open(): Promise<void> {
    const { warehouse, log, plugins, ledger } = this.#options;
    for (const tables of plugins) await warehouse.command(createSpeedTable(tables, log.id));
    await warehouse.command(createLedgerTable(ledgerTable(ledger, log.id)));
    await this.look();
    await this.fetchLedger();
  }

  /** Where a plugin stands on a partition, as far as is known. */
  of(plugin: string, partition: number): PluginResume {
    return this.#plugins.get(plugin)!.get(partition) ?? NONE;
  }

  /** Whether anything of a partition is written, as far as is known. */
  knows(plugin: string, partition: number): boolean {
    return this.#plugins.get(plugin)!.has(partition);
  }

  /** Takes note of what this process knows better. A frontier never goes back. */
  note(plugin: string, partition: number, at: PluginResume): void {
    const known = this.of(plugin, partition);
    const newer = at.frontier > known.frontier ? at : known;
    const first = at.first > known.first ? at.first : known.first;
    this.#plugins.get(plugin)!.set(partition, { ...newer, first });
  }

  /** Looks how far every plugin is written: one statement. */
  async look(): Promise<void> {
    const { plugins, warehouse } = this.#options;
    if (plugins.length === 0) return;
    const asked = new Map(this.#plugins);
    const params: Record<string, bigint> = {};
    const selects = plugins.map((tables, i) => {
      const least = this.#leastBlock(tables.plugin.name);
      if (least !== null) params[`from_${i}`] = least;
      return this.#select(tables, least === null ? "1" : `block >= {from_${i}:UInt64}`);
    });
    for (
      const row of await warehouse.query<PositionRow>(selects.join("\nUNION ALL "), { params })
    ) {
      if (this.#plugins.get(row.plugin) !== asked.get(row.plugin)) continue; // it was replaced
      const known = this.#plugins.get(row.plugin)!.get(row.partition);
      this.note(row.plugin, row.partition, {
        block: BigInt(row.open_block),
        frontier: BigInt(row.frontier),
        // Of a part of the blocks the first one is not told.
        first: known?.first ?? BigInt(row.first),
      });
    }
  }

  /** The first blocks that the tables still have, no older than a second. */
  async fetchFirstBlocks(): Promise<void> {
    const { plugins, warehouse, clock } = this.#options;
    const nowMs = clock.now();
    if (plugins.length === 0 || nowMs - this.#firstSeenMs < FRESH_MS) return;
    const asked = new Map(this.#plugins);
    const selects = plugins.map((tables) => this.#select(tables, "1"));
    for (const row of await warehouse.query<PositionRow>(selects.join("\nUNION ALL "))) {
      if (this.#plugins.get(row.plugin) !== asked.get(row.plugin)) continue;
      const { open_block, frontier, first } = row;
      const at = { block: BigInt(open_block), frontier: BigInt(frontier), first: BigInt(first) };
      this.note(row.plugin, row.partition, at);
    }
    this.#firstSeenMs = nowMs;
  }

  /** What the ledger tells of a partition; nothing where it was not looked at. */
  ledger(partition: number): LedgerHistory | undefined {
    return this.#ledger[partition];
  }

  /** Looks at the ledger. @returns by partition. */
  async fetchLedger(): Promise<LedgerHistory[]> {
    const { warehouse, ledger, log, clock } = this.#options;
    const nowMs = clock.now();
    this.#ledger = await readLedger(warehouse, ledger, log);
    this.#ledgerSeenMs = nowMs;
    return this.#ledger;
  }

  /** {@link fetchLedger}, unless what is known is younger than a second. */
  async refreshLedger(): Promise<void> {
    if (this.#options.clock.now() - this.#ledgerSeenMs >= FRESH_MS) await this.fetchLedger();
  }

  /** The least of the open blocks: what lies below does not move. Null where a partition is new. */
  #leastBlock(plugin: string): bigint | null {
    const known = this.#plugins.get(plugin)!;
    if (known.size < this.#options.log.partitionCount()) return null;
    return [...known.values()].reduce<bigint | null>(
      (least, { block }) => least === null || block < least ? block : least,
      null,
    );
  }

  #select(tables: PluginTables, where: string): string {
    return `SELECT '${tables.plugin.name}' AS plugin, partition,
  argMax(block, (version, block)) AS open_block, max(version) AS frontier, min(block) AS first
FROM ${tables.speed(this.#options.log.id)}
WHERE kind = ${SpeedKind.frontier} AND ${where} GROUP BY partition`;
  }
}
