/** Objects of JSON in a store. */
import { DamagedError } from "../std/errors.ts";
import type { ObjectStore } from "./ports.ts";

/**
 * What an object of JSON holds.
 *
 * @param wanted what it should be, in words.
 * @param read throws where its members are not what they should be.
 * @throws {DamagedError} naming the object, when it is not that.
 */
export function readJson<Value, Json>(
  name: string,
  bytes: Uint8Array,
  wanted: string,
  read: (json: Json) => Value,
): Value {
  try {
    return read(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw new DamagedError(name, `expected ${wanted}, got ${bytes.length} bytes`, { cause });
  }
}

/** The bytes of an object of JSON. */
export const writeJson = (value: object): Uint8Array =>
  new TextEncoder().encode(JSON.stringify(value, null, 2) + "\n");

/** The last name in a folder, from behind `after` on; null where there is none. */
export async function newestName(
  store: Pick<ObjectStore, "list">,
  folder: string,
  after?: string,
): Promise<string | null> {
  let newest: string | null = null;
  for await (const { name } of store.list(folder, after)) newest = name;
  return newest;
}
