/**
 * Which generation of a metric is wanted: the one of the newest claim, or none where the newest claim
 * is of a process that starts without the plugin. A process claims once, when it starts, so an old
 * and a new process side by side do not take turns, and going back to old code is a new claim. A
 * process that only looks claims nothing.
 */
import type { ObjectStore } from "../ports/ports.ts";
import { newestName } from "../ports/stored_json.ts";

/** A claim; the one with the greatest number is in force. */
export interface GenerationClaim {
  readonly number: number;
  /** Null where the plugin was removed; undefined where the object cannot be read as a claim. */
  readonly generation: string | null | undefined;
}

const DIGITS = 10;

/** The newest claim of a metric; null where there is none. */
export async function newestClaim(
  store: Pick<ObjectStore, "list" | "get">,
  topic: string,
  plugin: string,
): Promise<GenerationClaim | null> {
  const folder = folderOf(topic, plugin);
  const newest = await newestName(store, folder);
  if (newest === null) return null;
  const number = Number(newest.slice(folder.length).split(".")[0]);
  return { number, generation: generationIn(await store.get(newest)) };
}

/**
 * Makes a generation the wanted one, unless it is.
 *
 * @param generation null where the plugin was removed.
 * @returns the number of its claim.
 */
export async function claimGeneration(
  store: Pick<ObjectStore, "list" | "get" | "put">,
  topic: string,
  plugin: string,
  generation: string | null,
): Promise<number> {
  for (;;) {
    const newest = await newestClaim(store, topic, plugin);
    if (newest !== null && newest.generation === generation) return newest.number;
    const number = (newest?.number ?? 0) + 1;
    const name = `${folderOf(topic, plugin)}${String(number).padStart(DIGITS, "0")}.json`;
    const bytes = new TextEncoder().encode(JSON.stringify({ generation }));
    if (await store.put(name, bytes, { ifAbsent: true })) return number;
  }
}

const folderOf = (topic: string, plugin: string) => `${topic}/generations/${plugin}/`;

/** A damaged claim names no generation, so the next process to start makes a new one. */
function generationIn(bytes: Uint8Array | null): GenerationClaim["generation"] {
  try {
    return JSON.parse(new TextDecoder().decode(bytes ?? new Uint8Array())).generation;
  } catch {
    return undefined;
  }
}
