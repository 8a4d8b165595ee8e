/** Ends running statements. */
import type { EngineConnection } from "./engine_connection.ts";

/** How long a statement is given to end before it is told again, in milliseconds. It doubles. */
const AGAIN_MS = { first: 25, longest: 1000 };

/** How one KILL QUERY gets to the engine. */
export interface KillChannel {
  /** Tells the engine to end the statement with `mark`; returns before it has ended. */
  send(mark: string): Promise<void>;
  close(): Promise<void>;
}

/** Kills statements by their mark until they have ended. */
export class StatementKiller {
  readonly #channel: KillChannel;
  #last: Promise<unknown> = Promise.resolve();

  constructor(channel: KillChannel) {
    this.#channel = channel;
  }

  /**
   * Kills the statement with `mark`, again until `ended` settles: a statement that has only just
   * been sent is not there yet. The mark must not be taken by another statement meanwhile.
   */
  async kill(mark: string, ended: Promise<unknown>): Promise<void> {
    let running = true;
    const end = ended.then(() => running = false, () => running = false);
    for (let waitMs = AGAIN_MS.first; running; waitMs = Math.min(2 * waitMs, AGAIN_MS.longest)) {
      await this.tell(mark);
      let timer: ReturnType<typeof setTimeout> | undefined;
      const pause = new Promise<void>((resolve) => timer = setTimeout(resolve, waitMs));
      await Promise.race([end, pause]);
      clearTimeout(timer);
    }
  }

  /** Sends one KILL QUERY; kills go one after the other. One that fails is no error. */
  async tell(mark: string): Promise<void> {
    await (this.#last = this.#last.then(() => this.#channel.send(mark)).catch(() => {}));
  }

  /** Waits for kills under way and closes the channel. */
  async close(): Promise<void> {
    await this.#last;
    await this.#channel.close();
  }
}

/**
 * Awaits a statement that runs; `kill` ends it when `signal` aborts. A killed statement may end
 * without an error and with fewer rows than it has, so what it gives goes to nobody.
 *
 * @param discard gets what a killed statement gives. Default: nothing is to be done.
 * @throws the signal's reason where it has aborted, once the statement has ended; else what the
 * statement throws.
 */
export async function killedOnAbort<T>(
  running: Promise<T>,
  signal: AbortSignal | undefined,
  kill: () => Promise<void>,
  discard: (result: T) => unknown = () => {},
): Promise<T> {
  let killed: Promise<void> | undefined;
  const abort = () => killed = kill();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    const result = await running;
    if (killed === undefined) return result;
    await discard(result);
    throw signal!.reason;
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener("abort", abort);
    await killed;
  }
}

type KillConnection = Pick<EngineConnection, "run" | "close">;

/** Kills by the mark of a connection of the embedded engine, over a connection of its own. */
export class NativeKillChannel implements KillChannel {
  readonly #open: () => Promise<KillConnection>;
  #connection: Promise<KillConnection> | null = null;

  /** @param open opens the connection over which statements are killed; called at the first kill. */
  constructor(open: () => Promise<KillConnection>) {
    this.#open = open;
  }

  /** ASYNC, because SYNC can hang. */
  async send(mark: string): Promise<void> {
    const opened = this.#connection ??= this.#open();
    const sql = "KILL QUERY WHERE endsWith(Settings['log_comment'], {mark:String}) ASYNC";
    try {
      await (await opened).run(sql, "Null", { mark });
    } catch (error) {
      // The next kill opens another one.
      if (this.#connection === opened) this.#connection = null;
      opened.then((connection) => connection.close()).catch(() => {});
      throw error;
    }
  }

  async close(): Promise<void> {
    await (await this.#connection)?.close();
  }
}
