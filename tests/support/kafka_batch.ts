import { Buffer } from "node:buffer";
import { gzipSync } from "node:zlib";
import { crc32c } from "../../runtime/log/kafka/crc32c.ts";

/** A record as a producer of Kafka gives it; null is no value, which is not an empty one. */
export interface KafkaRecord {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [name: string, value: string | null])[];
}

/** Where a batch's checksum is, and from where on it covers the batch. */
const CHECKSUM_AT = 17, COVERED_FROM = 21, HEADER_BYTES = 61;

/** A batch of Kafka's record format 2; by default at offset 0 and without compression. */
export function kafkaBatch(
  records: readonly KafkaRecord[],
  { baseOffset = 0n, gzip = false } = {},
): Buffer {
  const body = Buffer.concat(records.map(recordBytes));
  const batch = Buffer.concat([Buffer.alloc(HEADER_BYTES), gzip ? gzipSync(body) : body]);
  batch.writeBigInt64BE(baseOffset, 0);
  batch[22] = gzip ? 1 : 0; // attributes
  batch.writeInt32BE(batch.length - 12, 8);
  batch[16] = 2;
  batch.writeInt32BE(records.length - 1, 23);
  batch.writeInt32BE(records.length, 57);
  batch.writeUInt32BE(crc32c(batch, COVERED_FROM, batch.length), CHECKSUM_AT);
  return batch;
}

function recordBytes({ key, value, headers }: KafkaRecord, offsetDelta: number): Buffer {
  const rest = Buffer.concat([
    Buffer.from([0]), // attributes
    varint(0),
    varint(offsetDelta),
    sized(key),
    sized(value),
    varint(headers.length),
    ...headers.flatMap(([name, text]) => [sized(name), sized(text)]),
  ]);
  return Buffer.concat([varint(rest.length), rest]);
}

function sized(text: string | null): Buffer {
  if (text === null) return varint(-1);
  const bytes = Buffer.from(text);
  return Buffer.concat([varint(bytes.length), bytes]);
}

/** Zigzag, seven bits a byte. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = (value << 1 ^ value >> 31) >>> 0;
  for (; rest > 0x7f; rest >>>= 7) bytes.push(rest & 0x7f | 0x80);
  return Buffer.from([...bytes, rest]);
}
