/** A chunk as the log's file has it, checked. */
import { DamagedError } from "../std/errors.ts";
import { chunkChecksum, unpackValues } from "./chunk_codec.ts";
import type { StoredChunk } from "./read_builder.ts";

/**
 * Reads a row of the table `chunk`.
 *
 * @throws {DamagedError} when it is not what was written. Chunks of earlier builds have no checksum:
 * of them only the form is checked.
 */
export function storedChunk(
  topic: string,
  partition: number,
  row: Readonly<Record<string, unknown>>,
): StoredChunk {
  const [firstOffset, count] = [row.first_offset as number, row.record_count as number];
  const [appendMs, kind] = [row.append_ms as number, row.kind as number];
  const blob = row.records as Uint8Array;
  const place = { partition, firstOffset, count, appendMs, kind };
  if (row.checksum !== null && row.checksum !== chunkChecksum(place, blob)) {
    throw damagedChunk(topic, partition, firstOffset, "it does not have its checksum");
  }
  const values = unpackValues(blob, count);
  if (values === null) {
    throw damagedChunk(topic, partition, firstOffset, "its bounds are not right");
  }
  return { firstOffset, appendMs, kind, values };
}

/** The error for a chunk that cannot be used. */
export function damagedChunk(
  topic: string,
  partition: number,
  offset: number,
  damage: string,
): DamagedError {
  return new DamagedError(
    `log/${topic}.sqlite`,
    `the chunk of partition ${partition} at offset ${offset}: ${damage}`,
    { topic, partition, offset: BigInt(offset) },
  );
}
