import { WorkerThread } from "../worker_thread.ts";
import type { ArchiveObject, ClosedBlock } from "./encode_block.ts";
import type { EncoderMethods } from "./encoder_thread.ts";

/** Encodes blocks on a thread of its own, which starts with the first block. */
export class ThreadedEncoder {
  #thread: WorkerThread<EncoderMethods> | null = null;

  /** As `encodeBlock`; the block's rows are handed over, and gone here. */
  encode(topic: string, block: ClosedBlock): Promise<ArchiveObject[]> {
    this.#thread ??= new WorkerThread(new URL("./encoder_thread.ts", import.meta.url), {
      name: "encoder",
    });
    return this.#thread.call("encodeBlock", [topic, block], memoryOf(block));
  }

  /** Ends the thread; what it is asked for meanwhile fails. */
  close(): void {
    this.#thread?.terminate();
    this.#thread = null;
  }
}

/** The memory of a block's rows. */
function memoryOf({ rows }: ClosedBlock): ArrayBuffer[] {
  const parts = [rows, ...rows.fields.values()].flatMap((part) => Object.values(part));
  return parts.filter((part) => ArrayBuffer.isView(part)).map(({ buffer }) =>
    buffer as ArrayBuffer
  );
}
