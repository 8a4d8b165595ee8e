import { ExternalError, UserError } from "../std/errors.ts";
import type { ObjectStore } from "../ports/ports.ts";
import { blockSizeName } from "./archive_names.ts";

/**
 * Holds a log to the block size with which it was begun. Blocks of two sizes would overlap: what a
 * process wrote of a block before it died would count beside the block that is archived in its place,
 * and a batch run would be cut where the speed layer has no bound.
 *
 * @param log the log's identity.
 * @param blockSize the wanted size, in offsets; the first to come decides.
 * @throws {UserError} when the log was begun with another size.
 * @example
 * ```ts
 * import { holdBlockSize } from "./block_size.ts";
 * import { openLocalStore } from "./local_store.ts";
 * const store = await openLocalStore(await Deno.makeTempDir());
 * await holdBlockSize(store, "views", "local-1", 256);
 * const fault = await holdBlockSize(store, "views", "local-1", 512).catch((error) => error);
 * if (fault.field !== "block-size") throw new Error("unexpected");
 * ```
 */
export async function holdBlockSize(
  store: ObjectStore,
  topic: string,
  log: string,
  blockSize: number,
): Promise<void> {
  const name = blockSizeName(topic, log);
  let bytes = await store.get(name);
  if (bytes === null) {
    const first = new TextEncoder().encode(`{"block_size":${blockSize}}\n`);
    if (await store.put(name, first, { ifAbsent: true })) return;
    bytes = await store.get(name);
  }
  const text = new TextDecoder().decode(bytes ?? undefined);
  const begun = Number(/^\{"block_size":([0-9]{1,10})\}\n$/.exec(text)?.[1]);
  if (begun === blockSize) return;
  if (Number.isNaN(begun)) {
    const wanted = '{"block_size":<offsets>}';
    throw new ExternalError(`Cannot read block size "${name}": expected ${wanted}`, {
      retriable: false,
    });
  }
  throw new UserError(
    `Cannot open "${topic}": its log was begun with blocks of ${begun} offsets, got ${blockSize}; ` +
      `set TWOFOLD_BLOCK_SIZE=${begun} (recorded in "${name}")`,
    { topic, field: "block-size" },
  );
}
