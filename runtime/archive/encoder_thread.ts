/**
 * The thread on which closed blocks are encoded: nobody waits for it, so it gives way to the event
 * loop. Runs in the worker of `ThreadedEncoder`.
 */
import { giveWay } from "../thread_priority.ts";
import { answerCalls } from "../worker_thread.ts";
import { type ArchiveObject, encodeBlock } from "./encode_block.ts";

const methods = { encodeBlock };

/** What the thread can be asked to do. */
export type EncoderMethods = typeof methods;

answerCalls(
  methods,
  (objects) => (objects as ArchiveObject[]).map(({ bytes }) => bytes.buffer as ArrayBuffer),
);
giveWay();
