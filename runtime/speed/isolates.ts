/** Threads of their own for plugins' functions, so that one that fails stops nothing but itself. */
import process from "node:process";
import { OVER } from "../std/abortable.ts";
import type { Clock } from "../std/clock.ts";
import type { Columns } from "../model/columns.ts";
import { messageOf, UserError } from "../std/errors.ts";
import { hasFunctions, type Plugin } from "../plugin.ts";
import { WorkerThread } from "../std/worker_thread.ts";
import type { IsolateMethods, PluginModule } from "./isolate_thread.ts";
import { allocatePicks, type OpenPicker, type Picker, pickHere, takeTexts } from "./picker.ts";

/**
 * How long functions may look at the records of a chunk, in milliseconds of the processor's time
 * that the process gets: on a machine that others keep busy, a function is not slow by its own fault.
 */
const PATIENCE_MS = 5_000;
/** The same by the clock, such as where a function waits. */
const LAST_MS = 60_000;
/**
 * So many threads of a plugin may be given up because they took too long: Deno cannot end one that
 * computes on, so each may keep a core busy until the process ends.
 */
const MOST_GIVEN_UP = 2;
/** What a plugin may keep in objects and texts. */
const MEMORY_MIB = 256;

/** Options of {@link Isolates}. */
export interface IsolatesOptions {
  readonly clock: Clock;
  /** Where a plugin that has functions is declared. */
  readonly moduleOf: (plugin: Plugin) => PluginModule;
  /** Milliseconds of the processor's time that the process has used. Default: as the system says. */
  readonly cpuMs?: () => number;
}

function cpuMsOfProcess(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * The isolates of a process, one per plugin that has functions; each starts with its first picker.
 * One whose functions take longer than five seconds of the processor's time for a chunk, a minute by
 * the clock, or more memory than 256 MiB, is stopped, and starts anew with the next pick, but after a
 * second one that took too long. One whose functions throw goes on.
 */
export class Isolates {
  readonly #options: IsolatesOptions;
  readonly #isolates = new Map<Plugin, Isolate>();
  readonly #shared = new WeakMap<Columns, SharedBytes>();

  constructor(options: IsolatesOptions) {
    this.#options = options;
  }

  /** Opens a picker whose functions are called in the plugin's isolate. */
  readonly openPicker: OpenPicker = (plugin, columns) => {
    if (!hasFunctions(plugin)) return pickHere(plugin, columns);
    let isolate = this.#isolates.get(plugin);
    if (isolate === undefined) {
      isolate = new Isolate(plugin, this.#options);
      this.#isolates.set(plugin, isolate);
    }
    let bytes = this.#shared.get(columns);
    if (bytes === undefined) this.#shared.set(columns, bytes = new SharedBytes());
    return new IsolatedPicker(isolate, plugin, columns, bytes);
  };

  /** Stops the isolate of a plugin that runs no more. */
  end(plugin: Plugin): void {
    this.#isolates.get(plugin)?.stop("it was loaded again");
    this.#isolates.delete(plugin);
  }

  /** Stops all of them; what is being picked fails. */
  close(): void {
    for (const isolate of this.#isolates.values()) isolate.stop("the process stops");
  }
}

/** The bytes of a chunk in memory that all isolates share; most logs have them elsewhere. */
class SharedBytes {
  #source: Uint8Array | null = null;
  #bytes = new Uint8Array(new SharedArrayBuffer(0));

  of(source: Uint8Array): Uint8Array {
    if (source.buffer instanceof SharedArrayBuffer) return source;
    if (source !== this.#source) {
      if (source.length > this.#bytes.buffer.byteLength) {
        this.#bytes = new Uint8Array(new SharedArrayBuffer(2 * source.length));
      }
      this.#bytes.set(source);
      this.#source = source;
    }
    return this.#bytes;
  }
}

const NO_BYTES = new Uint8Array(0);

class IsolatedPicker implements Picker {
  static #last = 0;
  readonly id = ++IsolatedPicker.#last;
  readonly picks;
  readonly #isolate: Isolate;
  readonly #bytes: SharedBytes;
  /** The bytes that the thread has. */
  #told: Uint8Array | null = null;

  constructor(isolate: Isolate, plugin: Plugin, readonly columns: Columns, bytes: SharedBytes) {
    this.#isolate = isolate;
    this.#bytes = bytes;
    this.picks = allocatePicks(plugin, columns.capacity);
    // It starts now, so that the first events need not wait; that it cannot, a pick tells.
    isolate.threadFor(this).catch(() => {});
  }

  async pick(firstRow: number, endRow: number): Promise<void> {
    const thread = await this.#isolate.threadFor(this);
    const { count, partition, from, to, bytes } = this.columns;
    const shared = this.#bytes.of(bytes);
    // Handing memory over counts as taking it, for the thread's collector.
    const news = shared === this.#told ? {} : { bytes: shared };
    this.#told = shared;
    const head = { count, partition, from, to, ...news };
    const over = this.#isolate.watch(endRow - firstRow);
    try {
      takeTexts(this.picks, await thread.call("pick", [this.id, head, firstRow, endRow]));
    } finally {
      over();
    }
  }

  /** What a thread is told that does not know it yet. */
  opening(module: PluginModule): Parameters<IsolateMethods["open"]> {
    this.#told = null;
    return [this.id, module, { ...this.columns, bytes: NO_BYTES }, this.picks];
  }

  close(): void {
    this.#isolate.forget(this);
  }
}

type Thread = WorkerThread<IsolateMethods>;

interface PickUnderWay {
  readonly sinceMs: number;
  /** The processor's time that the process had used then. */
  readonly cpuMs: number;
  readonly records: number;
}

/** The isolate of one plugin, for all partitions. */
class Isolate {
  readonly #plugin: Plugin;
  readonly #module: PluginModule;
  readonly #clock: Clock;
  readonly #cpuMs: () => number;
  #thread: Thread | null = null;
  /** Pickers that the thread knows. */
  readonly #known = new Map<IsolatedPicker, Promise<void>>();
  /** Picks under way, the oldest first. */
  readonly #picks = new Set<PickUnderWay>();
  #watching: AbortController | null = null;
  #givenUp = 0;
  /** Why the last one was given up, as a clause. */
  #overrun = "";

  constructor(plugin: Plugin, { clock, moduleOf, cpuMs = cpuMsOfProcess }: IsolatesOptions) {
    this.#plugin = plugin;
    this.#module = moduleOf(plugin);
    this.#clock = clock;
    this.#cpuMs = cpuMs;
  }

  /** The thread, which knows a picker's columns. */
  async threadFor(picker: IsolatedPicker): Promise<Thread> {
    if (this.#givenUp === MOST_GIVEN_UP) {
      throw new UserError(
        `Cannot go on with plugin "${this.#plugin.name}": ${this.#overrun}, not for the first time; ` +
          `mend its file and load it again`,
      );
    }
    const thread = this.#running();
    let opening = this.#known.get(picker);
    if (opening === undefined) {
      opening = thread.call("open", picker.opening(this.#module));
      this.#known.set(picker, opening);
    }
    try {
      await opening;
    } catch (error) {
      // The next pick starts another: a thread would remember that a module could not be loaded.
      if (this.#thread === thread) this.stop(messageOf(error));
      throw error;
    }
    return thread;
  }

  /** Stops the isolate if a pick that begins now takes too long; returns how to say that it is over. */
  watch(records: number): () => void {
    const pick = { sinceMs: this.#clock.now(), cpuMs: this.#cpuMs(), records };
    this.#picks.add(pick);
    if (this.#watching === null) void this.#watch(this.#watching = new AbortController());
    return () => this.#picks.delete(pick);
  }

  async #watch(watching: AbortController): Promise<void> {
    for (let [oldest] = this.#picks; oldest !== undefined; [oldest] = this.#picks) {
      const passedMs = this.#clock.now() - oldest.sinceMs;
      const usedMs = Math.min(passedMs, this.#cpuMs() - oldest.cpuMs);
      const leftMs = Math.ceil(Math.min(PATIENCE_MS - usedMs, LAST_MS - passedMs));
      if (leftMs <= 0) {
        this.#givenUp++;
        const seconds = (passedMs < LAST_MS ? PATIENCE_MS : LAST_MS) / 1000;
        this.#overrun = `its functions took longer than ${seconds} s for ${oldest.records} records`;
        return this.stop(this.#overrun);
      }
      await this.#clock.sleep(leftMs, watching.signal);
      if (watching.signal.aborted) return;
    }
    this.#watching = null;
  }

  forget(picker: IsolatedPicker): void {
    if (!this.#known.delete(picker) || this.#thread === null) return;
    this.#thread.call("close", [picker.id]).catch(() => {}); // it has ended, and knows nothing more
  }

  /** Stops the thread; the next pick starts it again. */
  stop(why: string): void {
    this.#thread?.terminate(`Cannot go on with plugin "${this.#plugin.name}": ${why}`);
    this.#thread = null;
    this.#known.clear();
    this.#watching?.abort(OVER);
    this.#watching = null;
  }

  #running(): Thread {
    if (this.#thread === null || this.#thread.fault !== null) {
      this.#known.clear();
      this.#thread = new WorkerThread(new URL("./isolate_thread.ts", import.meta.url), {
        name: `plugin ${this.#plugin.name}`,
        memoryMiB: MEMORY_MIB,
      });
    }
    return this.#thread;
  }
}
