/**
 * The thread from which the engine is called. Whatever the engine starts inherits its priority, a
 * little below that of the event loop: a question that needs no statement does not wait
 * behind those that do, and neither does what comes in.
 *
 * Runs in the worker of `EngineThread`.
 */
import { lowerPriority } from "../std/thread_priority.ts";
import { answerCalls } from "../std/worker_thread.ts";
import { loadLibchdb } from "./libchdb.ts";
import { NativeConnection, type NativeCursor, type TextParams } from "./native_connection.ts";
import { yieldThreads } from "./yield_threads.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Handles that the other side knows by their number. */
class Held<T> {
  readonly #held = new Map<number, T>();
  #last = 0;

  add(item: T): number {
    this.#held.set(++this.#last, item);
    return this.#last;
  }

  get(number: number): T {
    return this.#held.get(number)!;
  }

  take(number: number): T {
    const item = this.get(number);
    this.#held.delete(number);
    return item;
  }
}

const connections = new Held<NativeConnection>();
const cursors = new Held<NativeCursor>();

const methods = {
  /** Opens a connection; see {@link NativeConnection.open}. */
  async open(
    library: string,
    dir: string | null,
    settings: Readonly<Record<string, string | number>>,
  ) {
    const connection = await NativeConnection.open(loadLibchdb(library), dir, settings);
    return { connection: connections.add(connection), mark: connection.mark };
  },
  yieldThreads: (connection: number, library: string) =>
    yieldThreads(connections.get(connection), loadLibchdb(library).gettid()),
  run: (connection: number, sql: string, format: string, params: TextParams) =>
    connections.get(connection).run(sql, format, params),
  insert: (connection: number, sql: string, format: string, bytes: Bytes[], params: TextParams) =>
    connections.get(connection).insert(sql, format, bytes, params),
  close: (connection: number) => connections.take(connection).close(),
  async openCursor(connection: number, sql: string, format: string, params: TextParams) {
    return cursors.add(await connections.get(connection).openCursor(sql, format, params));
  },
  fetch: (cursor: number) => cursors.get(cursor).fetch(),
  closeCursor: (cursor: number) => cursors.take(cursor).close(),
};

/** What the thread can be asked to do. */
export type EngineMethods = typeof methods;

answerCalls(methods, buffersOf);
lowerPriority();

/** The memory of a result, which goes over without being copied. */
function buffersOf(value: unknown): ArrayBuffer[] {
  const bytes = (value as { bytes?: unknown } | null)?.bytes ?? value;
  return bytes instanceof Uint8Array ? [bytes.buffer as ArrayBuffer] : [];
}
