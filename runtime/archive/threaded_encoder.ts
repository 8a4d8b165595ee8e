import { OVER } from "../std/abortable.ts";
import type { Clock } from "../std/clock.ts";
import { ExternalError } from "../std/errors.ts";
import { WorkerThread } from "../std/worker_thread.ts";
import type { BlockPart, EncodedPart } from "./encode_block.ts";
import type { EncoderMethods } from "./encoder_thread.ts";

/**
 * A thread without work keeps some 25 MiB of garbage, because its collector runs only when it
 * allocates. Another thread takes 0.06 s of processor time to start.
 */
const IDLE_MS = 5_000;

/**
 * Encodes parts of blocks on a thread of its own, which starts with the first part and ends when there
 * has been none for five seconds. The next part starts another one, also where it ended by a fault.
 */
export class ThreadedEncoder {
  readonly #clock: Clock;
  readonly #module: URL;
  #thread: WorkerThread<EncoderMethods> | null = null;
  #underWay = 0;
  /** Aborts when there is another part. */
  #idle = new AbortController();

  /** @param module of the thread, which answers {@link EncoderMethods}. */
  constructor(clock: Clock, module = new URL("./encoder_thread.ts", import.meta.url)) {
    this.#clock = clock;
    this.#module = module;
  }

  /**
   * As `encodePart`; the part's rows are handed over, and gone here.
   *
   * @throws ExternalError (retriable) when the thread ended, with another copy of the rows.
   */
  async encode(root: string, part: BlockPart): Promise<EncodedPart> {
    const thread = this.#running();
    this.#underWay++;
    this.#idle.abort(OVER);
    try {
      return await thread.call("encodePart", [root, part], memoryOf(part));
    } catch (cause) {
      if (thread.fault === null) throw cause;
      throw new ExternalError(`Cannot encode a block of "${root}": ${thread.fault.message}`, {
        cause,
      });
    } finally {
      if (--this.#underWay === 0 && this.#thread !== null) void this.#endIdle();
    }
  }

  async #endIdle(): Promise<void> {
    const { signal } = this.#idle = new AbortController();
    await this.#clock.sleep(IDLE_MS, signal);
    if (!signal.aborted) this.close();
  }

  #running(): WorkerThread<EncoderMethods> {
    if (this.#thread === null || this.#thread.fault !== null) {
      this.#thread = new WorkerThread(this.#module, { name: "encoder" });
    }
    return this.#thread;
  }

  /** Ends the thread; what it is asked for meanwhile fails. */
  close(): void {
    this.#idle.abort(OVER);
    this.#thread?.terminate();
    this.#thread = null;
  }
}

function memoryOf({ rows }: BlockPart): ArrayBuffer[] {
  const parts = [rows, ...rows.fields.values()].flatMap((part) => Object.values(part));
  return parts.filter((part) => ArrayBuffer.isView(part)).map(({ buffer }) =>
    buffer as ArrayBuffer
  );
}
