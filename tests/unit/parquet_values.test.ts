import { describe, expect, fc, it } from "testing";
import {
  bitPack,
  encodeInt64,
  encodeNanoseconds,
  encodeOffsets,
} from "../../runtime/archive/parquet_values.ts";

const int64 = (bytes: Uint8Array) => new DataView(bytes.buffer).getBigInt64(0, true);
const first = Uint32Array.of(0);

describe("64-bit values", () => {
  it("encodeInt64() writes every whole number within 2⁵³", () => {
    fc.assert(fc.property(fc.maxSafeInteger(), (value) => {
      expect(int64(encodeInt64(first, [value]))).toBe(BigInt(value));
    }));
  });

  it("encodeOffsets() carries into the upper half", () => {
    const offset = fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 62n }),
      fc.bigInt({ min: 2n ** 32n - 9n, max: 2n ** 32n + 9n }),
    );
    const delta = fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 2 ** 32 - 1 }));
    fc.assert(fc.property(offset, delta, (base, delta) => {
      const bytes = encodeOffsets(first, base, Uint32Array.of(delta));
      expect(int64(bytes)).toBe(base + BigInt(delta));
    }));
  });

  it("encodeNanoseconds() is exact from 1970 to 2105", () => {
    const ms = fc.nat({ max: Date.UTC(2106, 0, 1) - 1 });
    fc.assert(fc.property(ms, fc.nat({ max: 999_999 }), (ms, ns) => {
      const bytes = encodeNanoseconds(first, Float64Array.of(ms), Uint32Array.of(ns));
      expect(int64(bytes)).toBe(BigInt(ms) * 1_000_000n + BigInt(ns));
    }));
  });
});

describe("bitPack()", () => {
  it("packs from the lowest bit on, in groups of eight", () => {
    // The example of the Parquet format's text: 0 to 7 in three bits each.
    expect(bitPack(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7), 3)).toEqual(
      Uint8Array.of(3, 0b10001000, 0b11000110, 0b11111010),
    );
    expect(bitPack(Uint8Array.of(1), 1)).toEqual(Uint8Array.of(3, 1));
  });
});
