/** Threads beside the event loop's: a call of one of their methods is a message, so is its answer. */
import { setImmediate } from "node:timers";
import { getHeapStatistics } from "node:v8";
import { parentPort, Worker as LimitedWorker } from "node:worker_threads";
import { asError, TwofoldError } from "./errors.ts";

/** What a thread can be asked to do; arguments and results have to be cloneable. */
// deno-lint-ignore no-explicit-any -- what the methods take is known where they are called
export type ThreadMethods = Readonly<Record<string, (...args: any[]) => unknown>>;

interface Call {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** Memory of one thread's isolate, in bytes. */
export interface ThreadMemory {
  /** What its objects and strings take. */
  readonly heapUsed: number;
  /** What it has reserved for them, {@link heapUsed} included. */
  readonly heapTotal: number;
  /** What it holds outside of its heap, mostly array buffers; shared ones are not counted. */
  readonly external: number;
}

/** Memory of the calling thread. */
export function threadMemory(): ThreadMemory {
  const { used_heap_size, total_heap_size, external_memory } = getHeapStatistics();
  return { heapUsed: used_heap_size, heapTotal: total_heap_size, external: external_memory };
}

type Answer =
  & { readonly id: number; readonly memory: ThreadMemory }
  & (
    | { readonly value: unknown }
    | { readonly fault: { readonly name: string; readonly message: string } }
  );

/** Options of {@link WorkerThread}. */
export interface WorkerThreadOptions {
  /** How it is called where its faults are told. */
  readonly name: string;
  /**
   * The most memory that its objects and texts may take, in MiB, before it is ended; memory of typed
   * arrays is not counted. Default: no limit, and the process ends where there is no more.
   */
  readonly memoryMiB?: number;
}

/** A thread whose module calls {@link answerCalls}. */
export class WorkerThread<M extends ThreadMethods> {
  static readonly #running = new Map<WorkerThread<never>, string>();
  readonly #worker: {
    postMessage(call: Call, transfer: ArrayBuffer[]): void;
    terminate(): unknown;
  };
  readonly #calls = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;
  #fault: TwofoldError | null = null;
  #memory: ThreadMemory | null = null;

  /** The memory of the threads that run, by name, as of the last answer of each. */
  static memory(): ReadonlyMap<string, ThreadMemory> {
    const found = new Map<string, ThreadMemory>();
    for (const [thread, name] of WorkerThread.#running) {
      const memory = thread.#memory;
      if (memory === null) continue;
      const same = found.get(name);
      found.set(
        name,
        same === undefined ? memory : {
          heapUsed: same.heapUsed + memory.heapUsed,
          heapTotal: same.heapTotal + memory.heapTotal,
          external: same.external + memory.external,
        },
      );
    }
    return found;
  }

  constructor(module: URL, { name, memoryMiB }: WorkerThreadOptions) {
    const settle = (answer: Answer) => this.#settle(answer);
    const end = (why: string) => this.#end(`Cannot go on: the thread "${name}" ended: ${why}`);
    this.#worker = memoryMiB === undefined
      ? startWorker(module, name, settle, end)
      : startLimitedWorker(module, name, memoryMiB, settle, end);
    WorkerThread.#running.set(this, name);
  }

  /** That the thread has ended, and why; null while it runs. */
  get fault(): TwofoldError | null {
    return this.#fault;
  }

  /**
   * Calls a method.
   *
   * @param transfer memory among the arguments that goes over without being copied, and is gone here.
   * @throws Error with the name and the message of what the method threw; TwofoldError when the
   * thread has ended.
   */
  async call<K extends keyof M & string>(
    method: K,
    args: Parameters<M[K]>,
    transfer: ArrayBuffer[] = [],
  ): Promise<Awaited<ReturnType<M[K]>>> {
    if (this.#fault !== null) throw this.#fault;
    const call: Call = { id: ++this.#lastId, method, args };
    const called = Promise.withResolvers<unknown>();
    this.#calls.set(call.id, called);
    this.#worker.postMessage(call, transfer);
    return await called.promise as Awaited<ReturnType<M[K]>>;
  }

  /** Ends the thread, whatever it does; calls that are under way fail. */
  terminate(why = "Cannot go on: the thread was ended"): void {
    this.#end(why);
    void this.#worker.terminate();
  }

  #settle(answer: Answer): void {
    this.#memory = answer.memory;
    const call = this.#calls.get(answer.id);
    if (call === undefined) return; // it was ended while the answer was on its way
    const { resolve, reject } = call;
    this.#calls.delete(answer.id);
    if ("value" in answer) resolve(answer.value);
    else reject(Object.assign(new Error(answer.fault.message), { name: answer.fault.name }));
  }

  #end(why: string): void {
    WorkerThread.#running.delete(this);
    this.#fault ??= new TwofoldError(why);
    for (const { reject } of this.#calls.values()) reject(this.#fault);
    this.#calls.clear();
  }
}

type Settle = (answer: Answer) => void;
type End = (why: string) => void;

/** Deno's own kind of worker: memory is handed over at no cost. */
function startWorker(module: URL, name: string, settle: Settle, end: End) {
  const worker = new Worker(module, { type: "module", name });
  worker.onmessage = ({ data }: MessageEvent<Answer>) => settle(data);
  worker.onerror = (event) => {
    event.preventDefault();
    end(event.message);
  };
  return worker;
}

/**
 * Node's kind of worker. It can be given a limit, without which a worker that runs out of memory
 * takes the process with it; but memory that is handed over takes it 100 ms per MB.
 */
function startLimitedWorker(module: URL, name: string, memory: number, settle: Settle, end: End) {
  const resourceLimits = { maxOldGenerationSizeMb: memory };
  const worker = new LimitedWorker(module, { name, resourceLimits });
  worker.on("message", settle);
  worker.on("error", (error: Error) => end(error.message));
  worker.on("exit", () => end("it was told to exit"));
  return worker;
}

/** The side of the worker, whichever kind it is. */
interface Port {
  onmessage: (message: MessageEvent<Call>) => void;
  postMessage(answer: Answer, transfer: ArrayBuffer[]): void;
}

/**
 * Lets the calling worker answer what its {@link WorkerThread} is asked.
 *
 * @param transferred the memory of a result that goes over without being copied. Default: none.
 */
export function answerCalls(
  methods: ThreadMethods,
  transferred: (value: unknown) => ArrayBuffer[] = () => [],
): void {
  const port = (parentPort ?? globalThis) as unknown as Port;
  const answer = async ({ id, method, args }: Call) => {
    try {
      const value = await methods[method](...args);
      port.postMessage({ id, value, memory: threadMemory() }, transferred(value));
    } catch (error) {
      const { name, message } = asError(error);
      port.postMessage({ id, fault: { name, message }, memory: threadMemory() }, []);
    }
  };
  // A thread that runs out of memory within the event itself ends, and its owner is not told.
  port.onmessage = ({ data }) => void setImmediate(() => answer(data));
}
