import { afterAll, beforeAll, describe, expect, it } from "testing";
import { holdBlockSize } from "../../runtime/archive/block_size.ts";
import { blockSizeName } from "../../runtime/archive/archive_names.ts";
import { openLocalStore } from "../../runtime/archive/local_store.ts";
import { ExternalError, UserError } from "../../runtime/std/errors.ts";
import type { ObjectStore } from "../../runtime/ports/ports.ts";

describe("holdBlockSize()", () => {
  let dir: string;
  let store: ObjectStore;
  beforeAll(async () => {
    dir = await Deno.makeTempDir();
    store = await openLocalStore(dir);
  });
  afterAll(() => Deno.remove(dir, { recursive: true }));

  it("lets the first decide, also of several at once, and tells the others what holds", async () => {
    const sizes = [256, 512, 1024, 256, 512, 1024];
    const asked = sizes.map((size) => holdBlockSize(store, "t", "log", size));
    const refused = (await Promise.allSettled(asked)).flatMap((result, i) =>
      result.status === "rejected" ? [{ error: result.reason, size: sizes[i] }] : []
    );
    expect(refused).toHaveLength(4);
    const [{ error, size }] = refused;
    expect(error).toBeInstanceOf(UserError);
    const begun = sizes.find((other) => !refused.some(({ size }) => size === other));
    expect(error.message).toBe(
      `Cannot open "t": its log was begun with blocks of ${begun} offsets, got ${size}; ` +
        `set TWOFOLD_BLOCK_SIZE=${begun} (recorded in "${blockSizeName("t", "log")}")`,
    );
  });

  it("holds each log to its own", async () => {
    await holdBlockSize(store, "t", "other", 4096);
    await holdBlockSize(store, "u", "log", 8192);
    await holdBlockSize(store, "t", "other", 4096);
    await expect(holdBlockSize(store, "t", "other", 8192)).rejects.toThrow("4096");
    await expect(holdBlockSize(store, "u", "log", 4096)).rejects.toThrow("8192");
  });

  it("stops where what is stored is no size", async () => {
    await store.put(blockSizeName("t", "damaged"), new TextEncoder().encode("512"));
    const fault = await holdBlockSize(store, "t", "damaged", 512).catch((error) => error);
    expect(fault).toBeInstanceOf(ExternalError);
    expect(fault.message).toContain("t/block_sizes/damaged.json");
  });
});
