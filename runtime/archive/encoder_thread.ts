/**
 * The thread on which parts of blocks are encoded: nobody waits for it, so it gives way to the event
 * loop. Runs in the worker of `ThreadedEncoder`.
 */
import { lowerPriority } from "../std/thread_priority.ts";
import { answerCalls } from "../std/worker_thread.ts";
import { type EncodedPart, encodePart } from "./encode_block.ts";

const methods = { encodePart };

/** What the thread can be asked to do. */
export type EncoderMethods = typeof methods;

answerCalls(
  methods,
  (part) => (part as EncodedPart).objects.map(({ bytes }) => bytes.buffer as ArrayBuffer),
);
lowerPriority();
