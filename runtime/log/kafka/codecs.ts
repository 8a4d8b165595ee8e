/** How Kafka's producers compress batches. */
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { TwofoldError } from "../../errors.ts";

const NAMES = ["none", "gzip", "snappy", "lz4", "zstd"];

/**
 * Decompresses the records of a batch.
 *
 * @param codec 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
 * @throws TwofoldError for a codec that is not known here.
 */
export function decompress(codec: number, bytes: Uint8Array): Uint8Array {
  switch (codec) {
    case 0:
      return bytes;
    case 1:
      return gunzipSync(bytes);
    case 4:
      return zstdDecompressSync(bytes);
  }
  throw new TwofoldError(`Cannot decompress records: no codec for ${NAMES[codec] ?? codec}`, {
    fault: "external",
  });
}
