import { describe, expect, it } from "testing";
import { decodeManifest, encodeManifest, ticksOf } from "../../runtime/archive/manifest.ts";
import { DamagedError } from "../../runtime/std/errors.ts";

describe("decodeManifest()", () => {
  const manifest = {
    log: "memory-1",
    partition: 3,
    start: 0n,
    end: 2n ** 60n,
    records: 2,
    events: 1,
    deadLetters: 1,
    eventMs: null,
    appendMs: [1, 2] as const,
    files: [{ name: "a/b", day: "2013-07-20", rows: 1, sizeBytes: 9, sha256: "0".repeat(64) }],
  };

  it("gives back what encodeManifest() took", () => {
    expect(decodeManifest(encodeManifest(manifest), "m")).toEqual(manifest);
    const compacted = { ...manifest, ticks: [{ offset: 2n ** 60n, appendMs: 7 }] };
    expect(decodeManifest(encodeManifest(compacted), "m")).toEqual(compacted);
  });

  it("tells the ticks: a block's is its last record, those of a compacted range are listed", () => {
    const block = { ...manifest, records: 3, events: 1, deadLetters: 1, end: 9n };
    const tick = { offset: 8n, appendMs: manifest.appendMs[1] };
    expect(ticksOf(block, "manifests", "m")).toEqual([tick]);
    expect(ticksOf({ ...block, records: 2 }, "manifests", "m")).toEqual([]);
    const ticks = [{ offset: 3n, appendMs: 5 }];
    expect(ticksOf({ ...block, ticks }, "compacted_manifests", "m")).toEqual(ticks);
    // Where an earlier build compacted, block bounds are not known any more.
    expect(() => ticksOf(block, "compacted_manifests", "m")).toThrow(
      'Cannot read records back by manifest "m": it must tell where its 1 ticks lie',
    );
  });

  it("names the member that is wrong", () => {
    const text = new TextDecoder().decode(encodeManifest(manifest));
    const broken = (from: string, to: string) => () =>
      decodeManifest(new TextEncoder().encode(text.replace(from, to)), "m");
    expect(broken('"records": 2', '"records": -2')).toThrow(
      '"m" is damaged: records must be a whole number, got -2',
    );
    expect(broken('"start": "0"', '"start": 0')).toThrow("start must be");
    expect(broken('"version": 1', '"version": 2')).toThrow("version must be 1, got 2");
    expect(broken("2013-07-20", "x")).toThrow("day must be");
    expect(broken("{", '{ "ticks": [3],')).toThrow("ticks must be a list of offsets and times");
    expect(broken("{", "")).toThrow("it is not JSON");
  });

  it("finds every flipped bit", () => {
    const bytes = encodeManifest({ ...manifest, ticks: [{ offset: 5n, appendMs: 7 }] });
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3] ^= 1 << (bit & 7);
      expect(() => decodeManifest(flipped, "m")).toThrow(DamagedError);
    }
  });

  it("reads a manifest of an earlier build, which has no checksum", () => {
    const text = new TextDecoder().decode(encodeManifest(manifest));
    const earlier = text.replace(/,\n {2}"checksum": ".*"/, "");
    expect(earlier).not.toContain("checksum");
    const decode = (text: string) => decodeManifest(new TextEncoder().encode(text), "m");
    expect(decode(earlier)).toEqual(manifest);
    expect(() => decode(text.replace("checksum", "cheksum"))).toThrow(DamagedError);
  });
});
