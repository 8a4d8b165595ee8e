import type { Cut } from "../model/frontier.ts";
import type { Plugin } from "../plugin.ts";
import type { KeyStates, RecentRows, TimeRange } from "../model/recent.ts";
import type { Cells } from "./cells.ts";
import type { PluginPartition } from "./plugin_partition.ts";

type KeyText = string | number;

/**
 * A plugin's rows from a cut on as they are in memory.
 *
 * @param cut by partition.
 * @param partitions of the log; null for one that this process does not count.
 * @returns null where some rows are not in memory.
 */
export function readRecent(
  plugin: Plugin,
  logId: string,
  cut: readonly bigint[],
  partitions: readonly (PluginPartition | null)[],
): RecentRows | null {
  const offsets: bigint[] = [];
  const cells: Cells[] = [];
  for (const [i, partition] of partitions.entries()) {
    const found = partition?.recent(cut[i] ?? 0n) ?? null;
    if (found === null) return null;
    offsets.push(partition!.position);
    cells.push(...found);
  }
  return new CellRows(plugin, { [logId]: offsets }, cells);
}

/** Rows of blocks in memory. Blocks add up, so the cells of a key are merged as they are. */
class CellRows implements RecentRows {
  readonly #plugin: Plugin;
  readonly #cells: readonly Cells[];

  /**
   * @param frontier up to which the cells are right.
   * @param cells of the blocks that are read.
   */
  constructor(plugin: Plugin, readonly frontier: Cut, cells: readonly Cells[]) {
    this.#plugin = plugin;
    this.#cells = cells;
  }

  states(key: readonly KeyText[], { from, to }: TimeRange): KeyStates | null {
    const found = this.#cells.flatMap((cells) => {
      const lanes = lanesOf(this.#plugin, cells, key);
      if (lanes === null) return [];
      const of = [...cells.byKey.of(lanes)].filter((cell) => {
        const start = cells.lane(cell, 0);
        return (from === null || start >= from) && (to === null || start < to);
      });
      return of.length === 0 ? [] : [{ cells, of }];
    });
    if (found.length === 0) return null;
    return this.#plugin.measureColumns.map((column, i) =>
      column.merge(found.flatMap(({ cells, of }) => of.map((cell) => cells.states[i].of(cell))))
    );
  }
}

/** A key as the cells of a block have it; null where none of them can have it. */
function lanesOf(
  { keyColumns }: Plugin,
  cells: Cells,
  key: readonly KeyText[],
): readonly number[] | null {
  const lanes: number[] = [];
  for (const [i, { type }] of keyColumns.entries()) {
    const value = String(key[i]);
    const lane = type.kind === "string"
      ? cells.numberOf(value)
      : type.kind === "enumeration"
      ? type.values!.indexOf(value)
      : type.kind === "boolean"
      ? Number(value === "true")
      : Number(value);
    if (lane === undefined) return null;
    lanes.push(lane);
  }
  return lanes;
}
