import { Buffer } from "node:buffer";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "testing";
import { TwofoldError } from "../../runtime/std/errors.ts";
import { decompress } from "../../runtime/log/kafka/codecs.ts";
import { crc32c } from "../../runtime/log/kafka/crc32c.ts";
import { FetchedRange } from "../../runtime/log/kafka/fetched_range.ts";
import { readLz4Frame } from "../../runtime/log/kafka/lz4_frame.ts";
import { type RecordChunk, RecordKind } from "../../runtime/ports/ports.ts";
import { foreignBatches } from "../support/foreign_batches.ts";
import { kafkaBatch, type KafkaRecord } from "../support/kafka_batch.ts";
import { plain } from "../support/log_reading.ts";

const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"];
const SNAPPY = 2, LZ4 = 3;
const SOURCE = { topic: "films", partition: 3 };
/** Where a batch tells its checksum, and from where on that is of. */
const CHECKSUM_AT = 17, COVERED_FROM = 21;

/** Where batches begin, and how long they are. */
function batchesOf(bytes: Buffer): { at: number; length: number }[] {
  const batches = [];
  for (let at = 0; at < bytes.length;) {
    const length = 12 + bytes.readInt32BE(at + 8);
    batches.push({ at, length });
    at += length;
  }
  return batches;
}

/** Reads a range in chunks up to its end. */
function chunksOf(range: FetchedRange, from: bigint, maxRecords: number): RecordChunk[] {
  const chunks: RecordChunk[] = [];
  for (let at = from; at < range.to; at = chunks.at(-1)!.to) {
    chunks.push(range.chunkAt(at, maxRecords, 1 << 20));
    if (chunks.at(-1)!.to <= at) throw new Error(`stands still at ${at}`);
  }
  return chunks;
}

describe("FetchedRange", () => {
  const tick: KafkaRecord = { key: null, value: null, headers: [["twofold-tick", "1"]] };
  it.each<[string, KafkaRecord, number]>([
    ["a tick as Twofold writes it", tick, RecordKind.tick],
    ["a tick with an empty key and value", { ...tick, key: "", value: "" }, RecordKind.tick],
    ["a value beside the header", { ...tick, value: "{}" }, RecordKind.event],
    ["a key beside the header", { ...tick, key: "k" }, RecordKind.event],
    ["no header", { ...tick, headers: [] }, RecordKind.event],
    [
      "another value of the header",
      { ...tick, headers: [["twofold-tick", "2"]] },
      RecordKind.event,
    ],
    ["no value of the header", { ...tick, headers: [["twofold-tick", null]] }, RecordKind.event],
    [
      "a header beside it",
      { ...tick, headers: [["twofold-tick", "1"], ["trace", "7"]] },
      RecordKind.event,
    ],
  ])("takes nothing but an exact tick for one: %s", (_, record, kind) => {
    const range = new FetchedRange(SOURCE, 0n, kafkaBatch([record, record]), []);
    expect(chunksOf(range, 0n, 10).flatMap(plain).map((row) => [row.kind, row.value]))
      .toEqual(Array(2).fill([kind, record.value ?? ""]));
  });
  for (const [producer, bytes] of Object.entries(foreignBatches)) {
    it(`reads what ${producer} wrote, in every compression`, () => {
      const range = new FetchedRange(SOURCE, 0n, bytes, []);
      const all = chunksOf(range, 0n, 8192).flatMap(plain);
      expect(all.length).toBe(100);
      all.forEach(({ offset, value, kind, appendMs }, i) => {
        const { codec, n } = JSON.parse(value);
        expect([offset, codec, n]).toEqual([BigInt(i), CODECS[Math.floor(i / 20)], i % 20]);
        expect([kind, appendMs]).toEqual([0, 1_700_000_000_000 + i % 20]);
      });
    });
    it(`gives the same records of ${producer} from any position and in any chunks`, () => {
      const range = new FetchedRange(SOURCE, 0n, bytes, []);
      const whole = chunksOf(range, 0n, 8192).flatMap(plain);
      for (const from of [0, 7, 19, 20, 55, 99]) {
        for (const maxRecords of [1, 3, 20, 64]) {
          const chunks = chunksOf(range, BigInt(from), maxRecords);
          expect(chunks.flatMap(plain)).toEqual(whole.slice(from));
          expect(Math.max(...chunks.map(({ count }) => count))).toBeLessThanOrEqual(maxRecords);
        }
      }
    });
  }

  const [bytes] = Object.values(foreignBatches);
  it("leaves out a batch that is cut off, and goes on behind the last whole one", () => {
    const range = new FetchedRange(SOURCE, 0n, bytes.subarray(0, bytes.length - 1), []);
    expect(range.to).toBe(80n);
    expect(new FetchedRange(SOURCE, 5n, Buffer.alloc(0), []).to).toBe(5n);
  });
  it("a batch without records moves the position on", () => {
    const empty = Buffer.from(bytes.subarray(0, 61));
    empty.writeInt32BE(61 - 12, 8);
    empty.writeInt32BE(0, 57);
    empty.writeUInt32BE(crc32c(empty, COVERED_FROM, empty.length), CHECKSUM_AT);
    const range = new FetchedRange(SOURCE, 3n, empty, []);
    expect(range.to).toBe(20n);
    const chunk = range.chunkAt(3n, 10, 10);
    expect([chunk.count, chunk.from, chunk.to]).toEqual([0, 3n, 20n]);
  });
  it("a batch in which any byte differs is refused, by its topic, partition and offset", () => {
    const [{ length }] = batchesOf(bytes);
    for (let at = COVERED_FROM; at < length; at++) {
      const broken = Buffer.from(bytes.subarray(0, length));
      broken[at] ^= 1 << at % 8;
      expect(() => new FetchedRange(SOURCE, 0n, broken, [])).toThrow(/its checksum is [0-9a-f]{8}/);
    }
    const later = Buffer.from(bytes);
    later[batchesOf(bytes)[4].at + 70] ^= 1;
    try {
      new FetchedRange(SOURCE, 0n, later, []);
      throw new Error("read");
    } catch (error) {
      expect(error).toMatchObject({ ...SOURCE, offset: 80n, fault: "external", retriable: false });
      expect((error as Error).message).toContain(
        'the batch at offset 80 of topic "films" partition 3: its checksum is ',
      );
    }
  });
  it("a length that cannot be is refused, and so is a first batch that is cut off", () => {
    for (const length of [-(2 ** 31), -12, 0, 48, bytes.length, 2 ** 31 - 1]) {
      const broken = Buffer.from(bytes);
      broken.writeInt32BE(length, 8);
      expect(() => new FetchedRange(SOURCE, 0n, broken, [])).toThrow(/it is damaged/);
    }
    for (const left of [1, 60, 100]) {
      expect(() => new FetchedRange(SOURCE, 0n, bytes.subarray(0, left), []))
        .toThrow(/it is damaged/);
    }
  });
  it("a record of an old format is refused, and says what to do", () => {
    const old = Buffer.from(bytes);
    old[16] = 1;
    expect(() => new FetchedRange(SOURCE, 0n, old, [])).toThrow(/record format 2, got 1/);
  });

  it("decompresses no more than it has use for: what is left comes with the next fetch", () => {
    const record = { key: null, value: "x".repeat(3_000_000), headers: [] };
    const batches = [0n, 1n, 2n, 3n, 4n].map((baseOffset) =>
      kafkaBatch([record], { baseOffset, gzip: true })
    );
    const first = new FetchedRange(SOURCE, 0n, Buffer.concat(batches), []);
    expect(first.to).toBe(3n);
    expect(chunksOf(first, 0n, 10).map(({ count }) => count)).toEqual([1, 1, 1]);
    const next = new FetchedRange(SOURCE, 3n, Buffer.concat(batches.slice(3)), []);
    expect([next.to, chunksOf(next, 3n, 10).length]).toEqual([5n, 2]);
  });
});

describe("crc32c()", () => {
  it("gives what is published for it, at any place and of any length", () => {
    // RFC 3720, B.4.
    const published: [Uint8Array, number][] = [
      [new Uint8Array(32), 0x8a9136aa],
      [new Uint8Array(32).fill(0xff), 0x62a8ab43],
      [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
      [Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ];
    for (const [bytes, checksum] of published) {
      for (let before = 0; before < 9; before++) {
        const moved = new Uint8Array(before + bytes.length + 5).fill(7);
        moved.set(bytes, before);
        expect(crc32c(moved, before, before + bytes.length)).toBe(checksum);
      }
    }
    expect(crc32c(new Uint8Array(3), 1, 1)).toBe(0);
  });
  it("agrees with the definition, bit by bit", () => {
    const bytes = Uint8Array.from({ length: 100 }, (_, i) => i * 89 + (i >> 3));
    for (let to = 0; to <= bytes.length; to++) {
      let crc = -1;
      for (const byte of bytes.subarray(0, to)) {
        crc ^= byte;
        for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >>> 1 ^ 0x82f63b78 : crc >>> 1;
      }
      expect(crc32c(bytes, 0, to)).toBe(~crc >>> 0);
    }
  });
});

describe("decompress()", () => {
  it("refuses damaged bytes and unknown codecs as faults from outside", () => {
    for (const codec of [1, SNAPPY, LZ4, 4, 5, 7]) {
      try {
        decompress(codec, Buffer.from("not compressed at all"));
        throw new Error(`took codec ${codec}`);
      } catch (error) {
        expect(error).toBeInstanceOf(TwofoldError);
        expect(error).toMatchObject({ fault: "external", retriable: false });
      }
    }
  });
  it.each<[number, (bytes: Uint8Array) => Uint8Array]>([
    [1, (bytes) => gzipSync(bytes)],
    [4, (bytes) => zstdCompressSync(bytes)],
  ])(
    "bounds what comes out of codec %i",
    (codec, compress) => {
      const packed = compress(new Uint8Array(100_000));
      expect(decompress(codec, packed, 100_000).length).toBe(100_000);
      expect(() => decompress(codec, packed, 99_999)).toThrow(
        `Cannot decompress a batch of ${packed.length} bytes: they must be ${
          CODECS[codec]
        } of at most ` +
          "99999 bytes when decompressed",
      );
    },
  );
  it("reads snappy raw and in the pieces of Java's clients", () => {
    const raw = Buffer.from([5, 4 << 2, ...Buffer.from("hello")]);
    const length = Buffer.alloc(4);
    length.writeInt32BE(raw.length);
    const header = Buffer.from("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01", "latin1");
    const framed = Buffer.concat([header, length, raw, length, raw]);
    expect(Buffer.from(decompress(SNAPPY, raw)).toString()).toBe("hello");
    expect(Buffer.from(decompress(SNAPPY, framed)).toString()).toBe("hellohello");
  });
});

describe("readLz4Frame()", () => {
  /** A frame of the given blocks, each with its checksum and the content's size. */
  function frame(...blocks: readonly number[][]): Buffer {
    const parts = blocks.map((block) => {
      const part = Buffer.alloc(4 + block.length + 4, 0xee);
      part.writeUInt32LE(block.length);
      part.set(block, 4);
      return part;
    });
    const header = [0x04, 0x22, 0x4d, 0x18, 0x5c, 0x40, 1, 2, 3, 4, 5, 6, 7, 8, 0xcc];
    return Buffer.concat([Buffer.from(header), ...parts, Buffer.alloc(4), Buffer.alloc(4)]);
  }
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  it("passes over the size and checksums, and repeats what overlaps", () => {
    // "ab", then 2 back for 4 + 3 bytes; then a last literal.
    const block = [0x23, 97, 98, 2, 0, 0x10, 33];
    expect(text(readLz4Frame(frame(block)))).toBe("ababababa!");
    expect(text(readLz4Frame(frame(block, block)))).toBe("ababababa!ababababa!");
  });
  it("reads lengths that go on in further bytes", () => {
    const block = [0x1f, 120, 1, 0, 255, 10, 0x10, 33];
    expect(text(readLz4Frame(frame(block)))).toBe(`${"x".repeat(1 + 4 + 15 + 255 + 10)}!`);
  });
  it("refuses what is cut off, refers before its beginning, or is no frame", () => {
    const whole = frame([0x23, 97, 98, 2, 0, 0x10, 33]);
    for (let length = 0; length < whole.length - 8; length++) {
      expect(() => readLz4Frame(whole.subarray(0, length))).toThrow(RangeError);
    }
    expect(() => readLz4Frame(frame([0x13, 97, 2, 0, 0x10, 33]))).toThrow(RangeError);
    expect(() => readLz4Frame(frame([0xf0, 200]))).toThrow(RangeError);
  });
});
