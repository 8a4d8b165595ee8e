import { WorkerThread } from "../worker_thread.ts";
import type { BlockPart, EncodedPart } from "./encode_block.ts";
import type { EncoderMethods } from "./encoder_thread.ts";

/** Encodes parts of blocks on a thread of its own, which starts with the first part. */
export class ThreadedEncoder {
  #thread: WorkerThread<EncoderMethods> | null = null;

  /** As `encodePart`; the part's rows are handed over, and gone here. */
  encode(topic: string, part: BlockPart): Promise<EncodedPart> {
    this.#thread ??= new WorkerThread(new URL("./encoder_thread.ts", import.meta.url), {
      name: "encoder",
    });
    return this.#thread.call("encodePart", [topic, part], memoryOf(part));
  }

  /** Ends the thread; what it is asked for meanwhile fails. */
  close(): void {
    this.#thread?.terminate();
    this.#thread = null;
  }
}

/** The memory of a part's rows. */
function memoryOf({ rows }: BlockPart): ArrayBuffer[] {
  const parts = [rows, ...rows.fields.values()].flatMap((part) => Object.values(part));
  return parts.filter((part) => ArrayBuffer.isView(part)).map(({ buffer }) =>
    buffer as ArrayBuffer
  );
}
