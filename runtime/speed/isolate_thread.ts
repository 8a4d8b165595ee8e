/** The thread of one plugin's functions. Runs in the worker of `Isolate`. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Columns } from "../model/columns.ts";
import type { Plugin } from "../plugin.ts";
import { moduleTexts } from "../model/module_texts.ts";
import { UserError } from "../std/errors.ts";
import { makeGlobalsPure } from "../std/pure_globals.ts";
import { lowerPriority } from "../std/thread_priority.ts";
import { answerCalls } from "../std/worker_thread.ts";
import { type PickedTexts, pickInto, type Picks } from "./picker.ts";
// Plugins import it: it is loaded before the globals are gone.
import "../twofold.ts";

/** Where a plugin is declared. */
export interface PluginModule {
  /** The folder that holds `plugins/`. */
  readonly root: string;
  /** Below the root, such as `plugins/ratings.ts`; its default export is the plugin. */
  readonly file: string;
  /** What `moduleTexts()` gave when it was loaded. */
  readonly texts: Readonly<Record<string, string>>;
}

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
  /**
   * Takes columns, which it is asked about by `id`.
   *
   * @throws {UserError} where the module's files are no longer those that were loaded.
   */
  async open(id: number, module: PluginModule, columns: Columns, picks: Picks): Promise<void> {
    const { root, file, texts } = module;
    const plugin: Plugin = (await import(pathToFileURL(join(root, file)).href)).default;
    const found = await moduleTexts(root, file);
    const changed = Object.keys({ ...texts, ...found }).find((name) => found[name] !== texts[name]);
    if (changed !== undefined) {
      throw new UserError(`${changed} changed since it was loaded: run "twofold plugins reload"`);
    }
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
lowerPriority();
makeGlobalsPure("plugins");
