import { describe, expect, it } from "testing";
import { hashIdentity, murmur128 } from "../../runtime/decode/identity.ts";

const utf8 = new TextEncoder();

describe("murmur128()", () => {
  const hash = (text: string, seed = 0) => {
    const bytes = utf8.encode("#" + text);
    const lanes = new Uint32Array(6);
    murmur128(new DataView(bytes.buffer), 1, bytes.length, seed, lanes, 1);
    expect([lanes[0], lanes[5]]).toEqual([0, 0]);
    return [...lanes.subarray(1, 5)].map((lane) => lane.toString(16).padStart(8, "0")).join("");
  };
  it("agrees with published vectors of MurmurHash3 x86_128", () => {
    expect(hash("")).toBe("00000000000000000000000000000000");
    expect(hash("", 1)).toBe("88c4adec54d201b954d201b954d201b9");
    expect(hash("0")).toBe("0ab2409ea5eb34f8a5eb34f8a5eb34f8");
    expect(hash("I will not buy this record, it is scratched.")).toBe(
      "a0a9683b25ac5e40d9af2895890dddf5",
    );
    expect(hash("I will not buy this tobacconist's, it is scratched.")).toBe(
      "9b5b7ba2ef3f7866889adeaf00f3f98e",
    );
  });
  it("has the verification value of its author's test suite", () => {
    const key = Uint8Array.from({ length: 256 }, (_, i) => i);
    const lanes = new Uint32Array(256 * 4);
    for (let length = 0; length < 256; length++) {
      murmur128(new DataView(key.buffer), 0, length, 256 - length, lanes, length * 4);
    }
    const all = new Uint32Array(4);
    murmur128(new DataView(lanes.buffer), 0, lanes.byteLength, 0, all, 0);
    expect(all[0]).toBe(0xb3ece62a);
  });
});

describe("hashIdentity()", () => {
  const hash = (id: string, ms: number, ns: number) => {
    const bytes = utf8.encode(id);
    const lanes = new Uint32Array(4);
    hashIdentity(new DataView(bytes.buffer), 0, bytes.length, ms, ns, lanes, 0);
    return [...lanes];
  };
  it("is murmur128 of the padded id and a block of instant and length", () => {
    for (const id of ["", "e", "0123456789abcdef", "0123456789abcdefg", "é".repeat(40)]) {
      const text = utf8.encode(id);
      const message = new Uint8Array(Math.ceil(text.length / 16) * 16 + 16);
      message.set(text);
      const words = new DataView(message.buffer, message.length - 16);
      words.setBigUint64(0, 4_291_747_199_999n, true);
      words.setUint32(8, 999_999, true);
      words.setUint32(12, text.length, true);
      const lanes = new Uint32Array(4);
      murmur128(new DataView(message.buffer), 0, message.length, 0, lanes, 0);
      expect(hash(id, 4_291_747_199_999, 999_999)).toEqual([...lanes]);
    }
  });
  it("tells padding from text, and milliseconds beyond 32 bits apart", () => {
    expect(hash("a", 0, 0)).not.toEqual(hash("a\0", 0, 0));
    expect(hash("a", 5, 0)).not.toEqual(hash("a", 5 + 2 ** 32, 0));
  });
});
