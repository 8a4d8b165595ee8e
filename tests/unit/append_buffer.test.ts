import { describe, expect, fc, it } from "testing";
import { AppendBuffer } from "../../runtime/log/append_buffer.ts";
import type { RecordsToAppend } from "../../runtime/ports/ports.ts";

const encoder = new TextEncoder();

function pairs(records: RecordsToAppend): [number[], number[]][] {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = records;
  return Array.from({ length: records.count }, (_, i) => [
    [...bytes.subarray(keyStart[i], keyEnd[i])],
    [...bytes.subarray(valueStart[i], valueEnd[i])],
  ]);
}

describe("AppendBuffer", () => {
  it("add() keeps keys and values through any growth (property)", () => {
    const key = fc.oneof(fc.uint8Array({ maxLength: 9 }), fc.string({ unit: "grapheme" }));
    fc.assert(fc.property(
      fc.array(fc.tuple(key, fc.uint8Array({ maxLength: 40 })), { maxLength: 60 }),
      (added) => {
        const buffer = new AppendBuffer({ records: 1, bytes: 1 });
        for (const [k, value] of added) buffer.add(k, value);
        expect(pairs(buffer)).toEqual(
          added.map(([k, v]) => [[...(typeof k === "string" ? encoder.encode(k) : k)], [...v]]),
        );
      },
    ));
  });

  it("add() takes a range of the value and refuses one that lies outside", () => {
    const buffer = new AppendBuffer();
    buffer.add("k", encoder.encode("abcdef"), 2, 4);
    expect(pairs(buffer)[0][1]).toEqual([...encoder.encode("cd")]);
    for (const [start, end] of [[-1, 2], [3, 2], [0, 7], [NaN, 1]]) {
      expect(() => buffer.add("k", encoder.encode("abcdef"), start, end)).toThrow(RangeError);
    }
    expect(buffer.count).toBe(1);
  });

  it("take() hands over its memory and reset() keeps it", () => {
    const buffer = new AppendBuffer();
    buffer.add("a", encoder.encode("1"));
    const taken = buffer.take();
    expect([buffer.count, buffer.sizeBytes]).toEqual([0, 0]);
    buffer.add("b", encoder.encode("2"));
    expect(pairs(taken)).toEqual([[[97], [49]]]);
    const { bytes } = buffer;
    buffer.reset();
    expect([buffer.count, buffer.sizeBytes, buffer.bytes === bytes]).toEqual([0, 0, true]);
  });
});
