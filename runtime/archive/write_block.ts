import type { ArchiveFile, Manifest, ObjectStore } from "../ports.ts";
import {
  type BlockRange,
  dayName,
  deadLettersName,
  eventsName,
  manifestName,
} from "./archive_names.ts";
import { encodeManifest, sha256 } from "./manifest.ts";
import type { OpenBlock } from "./open_block.ts";
import { encodeDeadLetters, encodeEvents } from "./parquet_block.ts";

/**
 * Writes a closed block: a file per event day, the dead letters, and the manifest last. Writing it
 * again replaces every object by the same bytes.
 *
 * @returns the manifest.
 */
export async function writeBlock(
  store: ObjectStore,
  topic: string,
  range: BlockRange,
  block: OpenBlock,
): Promise<Manifest> {
  const files: ArchiveFile[] = [];
  for await (const [dayNumber, rows] of block.rows.days()) {
    const day = dayName(dayNumber);
    const name = eventsName(topic, day, range);
    const bytes = await encodeEvents(block.rows, rows, range);
    await store.put(name, bytes);
    files.push({
      name,
      day,
      rows: rows.length,
      sizeBytes: bytes.length,
      sha256: sha256(bytes),
    });
  }
  if (block.deadLetters.length > 0) {
    const bytes = await encodeDeadLetters(block.deadLetters, range.start, range);
    await store.put(deadLettersName(topic, range), bytes);
  }
  const manifest: Manifest = {
    ...range,
    records: block.records,
    events: block.events,
    deadLetters: block.deadLetters.length,
    eventMs: block.eventMs,
    appendMs: block.appendMs,
    files,
  };
  await store.put(manifestName(topic, range), encodeManifest(manifest));
  return manifest;
}
