/** A thread that {@link WorkerThread} is tried with. */
import { answerCalls } from "../../runtime/std/worker_thread.ts";

const kept: Uint8Array[] = [];

const methods = {
  /** Holds so many bytes until the thread ends. */
  keep(bytes: number): void {
    kept.push(new Uint8Array(bytes));
  },
  add: (a: number, b: number) => Promise.resolve(a + b),
  refuse(what: string): void {
    throw new RangeError(`no ${what}`);
  },
  /** The bytes, each one greater. */
  increased: (bytes: Uint8Array<ArrayBuffer>) => bytes.map((byte) => byte + 1),
  never: () => new Promise<void>(() => {}),
  /** Ends the thread, though not before it has answered. */
  fail(): void {
    setTimeout(() => {
      throw new Error("out of order");
    });
  },
};

export type ExampleMethods = typeof methods;

answerCalls(
  methods,
  (value) => value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : [],
);
