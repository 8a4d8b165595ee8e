import { describe, expect, fc, it } from "testing";
import { ChunkPacker, STORED_CHUNK_RECORDS, unpackValues } from "../../runtime/log/chunk_codec.ts";

describe("chunk codec", () => {
  it("unpackValues() gives what pack() was given, at any place in memory (property)", () => {
    const packer = new ChunkPacker();
    fc.assert(fc.property(
      fc.array(fc.uint8Array({ maxLength: 9 }), { minLength: 1, maxLength: 30 }),
      fc.nat({ max: 9 }),
      (values, shift) => {
        packer.clear();
        for (const value of values) packer.add(value, 0, value.length);
        const stored = packer.pack();
        const moved = new Uint8Array(stored.length + shift);
        moved.set(stored, shift);
        const unpacked = unpackValues(moved.subarray(shift), values.length);
        const got = values.map((_, i) =>
          unpacked?.bytes.slice(unpacked.bounds[i], unpacked.bounds[i + 1])
        );
        expect(got).toEqual(values);
      },
    ));
  });

  it("pack() is a function of the values alone: nothing of an earlier chunk stays", () => {
    const fresh = new ChunkPacker(), used = new ChunkPacker();
    used.add(new Uint8Array(20).fill(255), 0, 20);
    used.pack();
    used.clear();
    for (const packer of [fresh, used]) packer.add(new Uint8Array([1, 2, 3, 4, 5]), 0, 5);
    expect([...used.pack()]).toEqual([...fresh.pack()]);
  });

  it("isFull() ends a chunk by records and by bytes, but takes any first value", () => {
    const packer = new ChunkPacker();
    expect(packer.isFull(1 << 30)).toBe(false);
    for (let i = 0; i < STORED_CHUNK_RECORDS; i++) packer.add(new Uint8Array(1), 0, 1);
    expect(packer.isFull(0)).toBe(true);
    packer.clear();
    packer.add(new Uint8Array(1 << 20), 0, 1 << 20);
    expect([packer.isFull(0), packer.isFull(1)]).toEqual([false, true]);
  });

  it("a blob that cannot hold so many records is refused", () => {
    for (const blob of [new Uint8Array(0), new Uint8Array(7), new Uint8Array(16).fill(1)]) {
      expect(unpackValues(blob, 1)).toBe(null);
    }
  });
});
