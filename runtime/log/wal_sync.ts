/**
 * Puts a write-ahead log on the disk, off the event loop: a commit returns when its frames are
 * written, and counts when a sync that began after it has ended. Commits made while a sync is under
 * way share the next one.
 *
 * SQLite itself syncs what keeps the file consistent (`synchronous = NORMAL`): around checkpoints,
 * and when the write-ahead log is begun anew. What that mode leaves open, that a commit survives a
 * power cut, is done here.
 */
export class WalSync {
  readonly #file: Deno.FsFile | null;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  /** @param path of the database; without a write-ahead log on the disk nothing is synced. */
  constructor(path: string) {
    this.#file = openWal(`${path}-wal`);
  }

  /** Resolves when all that was committed before the call is on the disk; in the order of calls. */
  sync(): Promise<void> {
    if (this.#next !== null) return this.#next;
    if (this.#running === null) return this.#start();
    const before = this.#running.catch(() => {}); // its callers have the error
    return this.#next = before.then(() => {
      this.#next = null;
      return this.#start();
    });
  }

  /** Waits for what is under way. No sync may be asked for afterwards. */
  async close(): Promise<void> {
    await Promise.allSettled([this.#running, this.#next]);
    this.#file?.close();
  }

  #start(): Promise<void> {
    const running: Promise<void> = (this.#file?.syncData() ?? Promise.resolve()).finally(() => {
      if (this.#running === running) this.#running = null;
    });
    return this.#running = running;
  }
}

function openWal(path: string): Deno.FsFile | null {
  try {
    return Deno.openSync(path, { read: true, write: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
