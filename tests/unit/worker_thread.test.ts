import { describe, expect, it } from "testing";
import { TwofoldError } from "../../runtime/std/errors.ts";
import { WorkerThread } from "../../runtime/std/worker_thread.ts";
import type { ExampleMethods } from "../support/worker_thread_example.ts";

const example = new URL("../support/worker_thread_example.ts", import.meta.url);

async function withThread(use: (thread: WorkerThread<ExampleMethods>) => Promise<void>) {
  const thread = new WorkerThread<ExampleMethods>(example, { name: "example" });
  try {
    await use(thread);
  } finally {
    thread.terminate();
  }
}

describe("WorkerThread", () => {
  it("answers each call, and tells the name and the message of a fault", () =>
    withThread(async (thread) => {
      const sums = await Promise.all([thread.call("add", [1, 2]), thread.call("add", [3, 4])]);
      expect(sums).toEqual([3, 7]);
      const fault = await thread.call("refuse", ["milk"]).catch((error: Error) => error);
      expect(fault).toMatchObject({ name: "RangeError", message: "no milk" });
      expect(await thread.call("add", [5, 6])).toBe(11);
    }));

  it("hands memory over where it is told to, and copies it elsewhere", () =>
    withThread(async (thread) => {
      const [copied, given] = [Uint8Array.of(1, 2), Uint8Array.of(3, 4)];
      expect(await thread.call("increased", [copied])).toEqual(Uint8Array.of(2, 3));
      expect(await thread.call("increased", [given], [given.buffer as ArrayBuffer])).toEqual(
        Uint8Array.of(4, 5),
      );
      expect([copied.length, given.length]).toEqual([2, 0]);
    }));

  it("fails what is under way, and all that comes later, once the thread has ended", () =>
    withThread(async (thread) => {
      const waiting = thread.call("never", []).catch((error: Error) => error);
      await thread.call("fail", []);
      const fault = await waiting as Error;
      expect(fault).toBeInstanceOf(TwofoldError);
      expect(fault.message).toMatch(
        /^Cannot go on: the thread "example" ended: .*out of order$/,
      );
      await expect(thread.call("add", [1, 2])).rejects.toBe(fault);
    }));

  it("tells the memory of threads that run, each as of its last answer", async () => {
    const memoryOf = (name: string) => WorkerThread.memory().get(name) ?? null;
    await withThread(async (thread) => {
      expect(memoryOf("example")).toBe(null);
      await thread.call("add", [1, 2]);
      const before = memoryOf("example")!;
      expect(before.heapUsed).toBeGreaterThan(2 ** 16);
      expect(before.heapTotal).toBeGreaterThanOrEqual(before.heapUsed);
      await thread.call("keep", [2 ** 24]);
      const grown = memoryOf("example")!.external - before.external;
      expect(grown).toBeGreaterThanOrEqual(2 ** 24);
    });
    expect(memoryOf("example")).toBe(null);
  });

  it("adds up the memory of threads of the same name", () =>
    withThread(async (thread) => {
      await thread.call("add", [1, 2]);
      const { heapUsed } = WorkerThread.memory().get("example")!;
      await withThread(async (other) => {
        await other.call("add", [1, 2]);
        expect(WorkerThread.memory().get("example")!.heapUsed).toBeGreaterThan(1.5 * heapUsed);
      });
    }));

  it("fails what is under way when it is ended", async () => {
    const thread = new WorkerThread<ExampleMethods>(example, { name: "example" });
    const waiting = thread.call("never", []).catch((error: Error) => error.message);
    thread.terminate();
    expect(await waiting).toBe("Cannot go on: the thread was ended");
  });
});
