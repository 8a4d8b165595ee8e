import type { ObjectStore } from "../ports/ports.ts";

/** Objects removed by one call: a run never waits long for what many years have left. */
const MAX_REMOVED = 10_000;

/** Removals under way at once. */
const CONCURRENT = 32;

/**
 * Removes the objects of a folder whose names sort before `folder + name`, the oldest first, at most
 * 10,000 of them.
 *
 * @returns whether all are gone.
 */
export async function removeBelow(
  store: ObjectStore,
  folder: string,
  name: string,
): Promise<boolean> {
  let removing: Promise<void>[] = [];
  let removed = 0;
  for await (const object of store.list(folder)) {
    if (object.name >= folder + name) break;
    if (removed++ === MAX_REMOVED) {
      await Promise.all(removing);
      return false;
    }
    removing.push(store.remove(object.name));
    if (removing.length < CONCURRENT) continue;
    await Promise.all(removing);
    removing = [];
  }
  await Promise.all(removing);
  return true;
}
