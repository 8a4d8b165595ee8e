import { ExternalError } from "../std/errors.ts";
import { WorkerThread } from "../std/worker_thread.ts";
import type { BlockPart, EncodedPart } from "./encode_block.ts";
import type { EncoderMethods } from "./encoder_thread.ts";

/**
 * Encodes parts of blocks on a thread of its own, which starts with the first part. A thread that
 * ended is replaced by the next part.
 */
export class ThreadedEncoder {
  readonly #module: URL;
  #thread: WorkerThread<EncoderMethods> | null = null;

  /** @param module of the thread, which answers {@link EncoderMethods}. */
  constructor(module = new URL("./encoder_thread.ts", import.meta.url)) {
    this.#module = module;
  }

  /**
   * As `encodePart`; the part's rows are handed over, and gone here.
   *
   * @throws ExternalError (retriable) when the thread ended, with another copy of the rows.
   */
  async encode(root: string, part: BlockPart): Promise<EncodedPart> {
    const thread = this.#running();
    try {
      return await thread.call("encodePart", [root, part], memoryOf(part));
    } catch (cause) {
      if (thread.fault === null) throw cause;
      throw new ExternalError(`Cannot encode a block of "${root}": ${thread.fault.message}`, {
        cause,
      });
    }
  }

  #running(): WorkerThread<EncoderMethods> {
    if (this.#thread === null || this.#thread.fault !== null) {
      this.#thread = new WorkerThread(this.#module, { name: "encoder" });
    }
    return this.#thread;
  }

  /** Ends the thread; what it is asked for meanwhile fails. */
  close(): void {
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
