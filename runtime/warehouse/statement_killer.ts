/** Ends running statements of the embedded engine. */
import type { NativeConnection } from "./native_connection.ts";

/** How long a statement is given to end before it is told again, in milliseconds. */
const AGAIN_MS = 25;

/** Kills statements by the mark of their connection, over a connection of its own. */
export class StatementKiller {
  readonly #open: () => Promise<NativeConnection>;
  #connection: Promise<NativeConnection> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  /** @param open opens the connection over which statements are killed; called at the first kill. */
  constructor(open: () => Promise<NativeConnection>) {
    this.#open = open;
  }

  /**
   * Kills the statement that runs on the connection with `mark`, again until `ended` resolves: a
   * statement that has only just been sent is not there yet. The connection must not take another
   * statement meanwhile.
   */
  async kill(mark: string, ended: Promise<unknown>): Promise<void> {
    let running = true;
    const end = ended.then(() => running = false, () => running = false);
    while (running) {
      await this.#tell(mark);
      let timer: ReturnType<typeof setTimeout> | undefined;
      const pause = new Promise<void>((resolve) => timer = setTimeout(resolve, AGAIN_MS));
      await Promise.race([end, pause]);
      clearTimeout(timer);
    }
  }

  /** Waits for kills under way and closes the connection. */
  async close(): Promise<void> {
    await this.#last;
    await (await this.#connection)?.close();
  }

  /** Sends one KILL QUERY; kills go one after the other. ASYNC, because SYNC can hang. */
  async #tell(mark: string): Promise<void> {
    const send = this.#last.then(async () => {
      const connection = await (this.#connection ??= this.#open());
      const sql = "KILL QUERY WHERE endsWith(Settings['log_comment'], {mark:String}) ASYNC";
      await connection.run(sql, "Null", { mark });
    });
    // A kill that fails is sent again for as long as the statement runs.
    await (this.#last = send.catch(() => {}));
  }
}
