/** Threads beside the event loop's: a call of one of their methods is a message, so is its answer. */
import { TwofoldError } from "./errors.ts";

/** What a thread can be asked to do; arguments and results have to be cloneable. */
// deno-lint-ignore no-explicit-any -- what the methods take is known where they are called
export type ThreadMethods = Readonly<Record<string, (...args: any[]) => unknown>>;

interface Call {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly fault: { readonly name: string; readonly message: string } };

/** A thread whose module calls {@link answerCalls}. */
export class WorkerThread<M extends ThreadMethods> {
  readonly #name: string;
  readonly #worker: Worker;
  readonly #calls = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;
  /** That the thread ended, and why. */
  #fault: TwofoldError | null = null;

  /** Starts the thread. @param name how it is called where its faults are told. */
  constructor(module: URL, name: string) {
    this.#name = name;
    this.#worker = new Worker(module, { type: "module", name });
    this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => this.#settle(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#end(`Cannot go on: the thread "${this.#name}" ended: ${event.message}; start again`);
    };
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
    transfer: Transferable[] = [],
  ): Promise<Awaited<ReturnType<M[K]>>> {
    if (this.#fault !== null) throw this.#fault;
    const call: Call = { id: ++this.#lastId, method, args };
    const called = Promise.withResolvers<unknown>();
    this.#calls.set(call.id, called);
    this.#worker.postMessage(call, transfer);
    return await called.promise as Awaited<ReturnType<M[K]>>;
  }

  /** Ends the thread; calls that are under way fail. */
  terminate(): void {
    this.#worker.terminate();
    this.#end(`Cannot go on: the thread "${this.#name}" was ended`);
  }

  #settle(answer: Answer): void {
    const { resolve, reject } = this.#calls.get(answer.id)!;
    this.#calls.delete(answer.id);
    if ("value" in answer) resolve(answer.value);
    else reject(Object.assign(new Error(answer.fault.message), { name: answer.fault.name }));
  }

  #end(why: string): void {
    this.#fault ??= new TwofoldError(why);
    for (const { reject } of this.#calls.values()) reject(this.#fault);
    this.#calls.clear();
  }
}

/** The side of the worker; the global object's type is that of a page. */
const port = globalThis as unknown as {
  onmessage: (message: MessageEvent<Call>) => void;
  postMessage(answer: Answer, transfer: Transferable[]): void;
};

/**
 * Lets the calling worker answer what its {@link WorkerThread} is asked.
 *
 * @param transferred the memory of a result that goes over without being copied. Default: none.
 */
export function answerCalls(
  methods: ThreadMethods,
  transferred: (value: unknown) => Transferable[] = () => [],
): void {
  port.onmessage = async ({ data: { id, method, args } }) => {
    try {
      const value = await methods[method](...args);
      port.postMessage({ id, value }, transferred(value));
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      port.postMessage({ id, fault: { name, message } }, []);
    }
  };
}
