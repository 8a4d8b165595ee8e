import { describe, expect, it } from "testing";
import { ThreadedEncoder } from "../../runtime/archive/threaded_encoder.ts";
import { ExternalError } from "../../runtime/std/errors.ts";

describe("ThreadedEncoder", () => {
  it("starts another thread for the next block, and says that the last may be tried again", async () => {
    const encoder = new ThreadedEncoder(new URL("../support/ending_encoder.ts", import.meta.url));
    const part = { rows: { fields: new Map() } } as never;
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
});
