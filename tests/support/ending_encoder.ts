/** An encoder's thread that ends while it encodes a part of the topic "ends". */
import { answerCalls } from "../../runtime/std/worker_thread.ts";

answerCalls({
  encodePart(topic: string): unknown {
    if (topic !== "ends") return { topic };
    setTimeout(() => {
      throw new Error("out of memory");
    });
    return new Promise(() => {});
  },
});
