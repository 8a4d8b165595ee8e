/** The archive's files as people copy them out of a bucket, for tools that read folders. */
import { dirname, join } from "node:path";
import { openTestStore } from "./s3_bucket.ts";

/**
 * Copies the files of the blocks' events; where nothing was compacted, these are all that count.
 *
 * @param prefix of the store in the bucket.
 * @param topic whose archive it is.
 * @returns a new folder with `dt=…` folders in it.
 */
export async function copyArchive(prefix: string, topic: string): Promise<string> {
  const store = await openTestStore({ prefix });
  const folder = await Deno.makeTempDir({ prefix: "twofold-archive-" });
  try {
    const events = `${topic}/events/`;
    for await (const { name } of store.list(events)) {
      const path = join(folder, name.slice(events.length));
      await Deno.mkdir(dirname(path), { recursive: true });
      await Deno.writeFile(path, (await store.get(name))!);
    }
    return folder;
  } finally {
    store.close();
  }
}
