/** The thread of one plugin's functions. Runs in the worker of `Isolate`. */
import type { Columns } from "../model/columns.ts";
import type { Plugin } from "../plugin.ts";
import { giveWay } from "../std/thread_priority.ts";
import { answerCalls } from "../std/worker_thread.ts";
import { type PickedTexts, pickInto, type Picks } from "./picker.ts";

/** The parts of columns that are other values with every chunk; the bytes where they moved. */
export type ChunkHead =
  & Pick<Columns, "count" | "partition" | "from" | "to">
  & Partial<Pick<Columns, "bytes">>;

interface Opened {
  readonly columns: Columns;
  readonly pick: (firstRow: number, endRow: number) => PickedTexts;
}

const opened = new Map<number, Opened>();

const methods = {
  /** Takes columns, which it is asked about by `id`. @param module the plugin's, as a URL. */
  async open(id: number, module: string, columns: Columns, picks: Picks): Promise<void> {
    const plugin: Plugin = (await import(module)).default;
    opened.set(id, { columns, pick: pickInto(picks, plugin, columns) });
  },
  pick(id: number, head: ChunkHead, firstRow: number, endRow: number): PickedTexts {
    const { columns, pick } = opened.get(id)!;
    Object.assign(columns, head);
    return pick(firstRow, endRow);
  },
  close(id: number): void {
    opened.delete(id);
  },
};

/** What the thread can be asked to do. */
export type IsolateMethods = typeof methods;

answerCalls(methods);
giveWay();
