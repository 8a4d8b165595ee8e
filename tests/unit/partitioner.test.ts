import { describe, expect, fc, it } from "testing";
import { murmur2, partitionOf } from "../../runtime/log/partitioner.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

describe("partitioner", () => {
  it("murmur2() gives the values of Kafka's own tests", () => {
    // org.apache.kafka.common.utils.UtilsTest.testMurmur2
    const vectors: [string, number][] = [
      ["21", -973932308],
      ["foobar", -790332482],
      ["a-little-bit-long-string", -985981536],
      ["a-little-bit-longer-string", -1486304829],
      ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
      ["abc", 479470107],
    ];
    for (const [key, hash] of vectors) {
      const bytes = bytesOf(key);
      expect([key, murmur2(bytes, 0, bytes.length)]).toEqual([key, hash]);
    }
  });

  it("partitionOf() clears the sign before it divides", () => {
    const bytes = bytesOf("foobar");
    expect(partitionOf(bytes, 0, bytes.length, 1000)).toBe((-790332482 & 0x7fffffff) % 1000);
  });

  it("a key's partition does not depend on where it lies in the buffer", () => {
    fc.assert(fc.property(
      fc.uint8Array({ maxLength: 20 }),
      fc.uint8Array({ maxLength: 9 }),
      fc.integer({ min: 1, max: 50 }),
      (key, before, partitions) => {
        const buffer = new Uint8Array([...before, ...key, 1, 2, 3]);
        const alone = partitionOf(key, 0, key.length, partitions);
        expect(partitionOf(buffer, before.length, before.length + key.length, partitions))
          .toBe(alone);
        expect(alone).toBeGreaterThanOrEqual(0);
        expect(alone).toBeLessThan(partitions);
      },
    ));
  });
});
