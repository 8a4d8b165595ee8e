/** Connections of the embedded engine, lent to one statement at a time. */
import type { EngineConnection } from "./engine_connection.ts";
import { closeAll } from "../std/close_all.ts";
import { Semaphore } from "../std/semaphore.ts";

/** What a connection is set up for: its settings differ. */
export type ConnectionKind = "statement" | "insert";

/** A connection lent to a statement. */
export interface Lease {
  readonly connection: EngineConnection;
  /**
   * Ends the loan; a second call does nothing.
   *
   * @param reusable false where settings were changed or the connection's state is unknown.
   */
  giveBack(reusable: boolean): Promise<void>;
}

/**
 * Lends connections, of each kind at most so many; first come, first served. The kinds do not
 * wait for each other: a burst of inserts leaves the readers theirs, and the other way round.
 */
export class ConnectionPool {
  readonly #open: (kind: ConnectionKind) => Promise<EngineConnection>;
  readonly #idle: Record<ConnectionKind, EngineConnection[]> = { statement: [], insert: [] };
  readonly #turns: Readonly<Record<ConnectionKind, Semaphore>>;

  /**
   * @param sizes the most connections lent at once, by kind.
   * @param open opens a connection; called when none is idle.
   */
  constructor(
    sizes: Readonly<Record<ConnectionKind, number>>,
    open: (kind: ConnectionKind) => Promise<EngineConnection>,
  ) {
    this.#turns = {
      statement: new Semaphore(sizes.statement),
      insert: new Semaphore(sizes.insert),
    };
    this.#open = open;
  }

  /**
   * Lends a connection, as soon as one is free.
   *
   * @param signal gives up waiting.
   * @throws TwofoldError once the pool is closed.
   */
  async lend(kind: ConnectionKind, signal?: AbortSignal): Promise<Lease> {
    await this.#turns[kind].take(signal);
    try {
      const connection = this.#idle[kind].pop() ?? await this.#open(kind);
      let back: Promise<void> | undefined;
      return {
        connection,
        giveBack: (reusable) => back ??= this.#takeBack(kind, connection, reusable),
      };
    } catch (error) {
      this.#turns[kind].give();
      throw error;
    }
  }

  /** Waits until every connection has come back and closes them. Waiting statements fail. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.#turns).map((turns) => turns.close()));
    const connections = Object.values(this.#idle).flatMap((idle) => idle.splice(0));
    await closeAll(connections.map((connection) => () => connection.close()));
  }

  async #takeBack(
    kind: ConnectionKind,
    connection: EngineConnection,
    reusable: boolean,
  ): Promise<void> {
    try {
      if (reusable) this.#idle[kind].push(connection);
      else await connection.close();
    } finally {
      this.#turns[kind].give();
    }
  }
}
