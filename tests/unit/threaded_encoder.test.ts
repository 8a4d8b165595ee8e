import { describe, expect, it } from "testing";
import { ThreadedEncoder } from "../../runtime/archive/threaded_encoder.ts";
import { ExternalError } from "../../runtime/std/errors.ts";
import { WorkerThread } from "../../runtime/std/worker_thread.ts";
import { ManualClock } from "../support/manual_clock.ts";

const module = new URL("../support/ending_encoder.ts", import.meta.url);
const part = { rows: { fields: new Map() } } as never;

/** Lets what has been woken go on. */
const settled = () => new Promise((resolve) => setTimeout(resolve));

describe("ThreadedEncoder", () => {
  it("starts another thread for the next block, and says that the last may be tried again", async () => {
    const encoder = new ThreadedEncoder(new ManualClock(), module);
    const error = await encoder.encode("ends", part).catch((each) => each);
    expect(error).toBeInstanceOf(ExternalError);
    expect([error.retriable, error.message]).toEqual([
      true,
      expect.stringMatching(
        /^Cannot encode a block of "ends": .*"encoder" ended: .*out of memory$/,
      ),
    ]);
    expect(await encoder.encode("views", part)).toEqual({ topic: "views" });
    encoder.close();
  });

  it("ends its thread five seconds after the last part, and starts another for the next", async () => {
    const clock = new ManualClock();
    const encoder = new ThreadedEncoder(clock, module);
    const runs = () => WorkerThread.memory().has("encoder");
    for (const topic of ["views", "ratings"]) {
      await Promise.all([encoder.encode(topic, part), encoder.encode(topic, part)]);
      clock.advance(4_999);
      await encoder.encode(topic, part);
      clock.advance(4_999);
      await settled();
      expect(runs()).toBe(true);
      clock.advance(1);
      await settled();
      expect(runs()).toBe(false);
    }
    encoder.close();
    expect(clock.sleeping).toBe(0);
  });

  it("leaves no sleeper behind when it is closed in the middle of a part", async () => {
    const clock = new ManualClock();
    const encoder = new ThreadedEncoder(clock, module);
    const encoding = encoder.encode("views", part).catch((error) => error);
    encoder.close();
    expect(await encoding).toBeInstanceOf(ExternalError);
    expect(clock.sleeping).toBe(0);
  });
});
