/** Connections of the embedded engine, lent to one statement at a time. */
import { TwofoldError } from "../errors.ts";
import type { NativeConnection } from "./native_connection.ts";

/** What a connection is set up for: its settings differ. */
export type ConnectionKind = "statement" | "insert";

/** A connection lent to a statement. */
export interface Lease {
  readonly connection: NativeConnection;
  /**
   * Ends the loan; a second call does nothing.
   *
   * @param reusable false where settings were changed or the connection's state is unknown.
   */
  giveBack(reusable: boolean): Promise<void>;
}

/** Lends at most `size` connections; who asks first is served first. */
export class ConnectionPool {
  readonly #open: (kind: ConnectionKind) => Promise<NativeConnection>;
  readonly #idle: Record<ConnectionKind, NativeConnection[]> = { statement: [], insert: [] };
  readonly #waiting: Array<{ start: () => void; fail: (error: unknown) => void }> = [];
  readonly #size: number;
  #lent = 0;
  #closed = false;
  #allBack: (() => void) | null = null;

  /**
   * @param size the most connections lent at once.
   * @param open opens a connection; called when none is idle.
   */
  constructor(size: number, open: (kind: ConnectionKind) => Promise<NativeConnection>) {
    this.#size = size;
    this.#open = open;
  }

  /**
   * Lends a connection, as soon as one is free.
   *
   * @param signal gives up waiting.
   * @throws TwofoldError once the pool is closed.
   */
  async lend(kind: ConnectionKind, signal?: AbortSignal): Promise<Lease> {
    if (this.#closed) throw closedError();
    signal?.throwIfAborted();
    if (this.#lent >= this.#size) await this.#turn(signal);
    else this.#lent++;
    try {
      const connection = this.#idle[kind].pop() ?? await this.#open(kind);
      let back: Promise<void> | undefined;
      return {
        connection,
        giveBack: (reusable) => back ??= this.#takeBack(kind, connection, reusable),
      };
    } catch (error) {
      this.#passOn();
      throw error;
    }
  }

  /** Waits until every connection has come back and closes them. Waiting statements fail. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const waiter of this.#waiting.splice(0)) waiter.fail(closedError());
    if (this.#lent > 0) await new Promise<void>((resolve) => this.#allBack = resolve);
    for (const idle of Object.values(this.#idle)) {
      for (const connection of idle.splice(0)) await connection.close();
    }
  }

  /** Waits for the place that a statement leaves. */
  #turn(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => signal?.removeEventListener("abort", abort);
      const waiter = {
        start: () => (leave(), resolve()),
        fail: (error: unknown) => (leave(), reject(error)),
      };
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        waiter.fail(signal?.reason);
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.push(waiter);
    });
  }

  async #takeBack(
    kind: ConnectionKind,
    connection: NativeConnection,
    reusable: boolean,
  ): Promise<void> {
    try {
      if (reusable) this.#idle[kind].push(connection);
      else await connection.close();
    } finally {
      this.#passOn();
    }
  }

  /** Gives a free place to who waits longest. */
  #passOn(): void {
    const next = this.#waiting.shift();
    if (next) return next.start();
    this.#lent--;
    if (this.#lent === 0) this.#allBack?.();
  }
}

function closedError(): TwofoldError {
  return new TwofoldError("Cannot run a statement: the warehouse is closed");
}
