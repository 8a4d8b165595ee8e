import { describe, expect, it } from "testing";
import { encodePart } from "../../runtime/archive/encode_block.ts";
import {
  manifest0,
  manifestOf,
  MemoryStore,
  newLog,
  openArchiver,
  parquetRows,
  place,
  reading,
} from "../support/archive_world.ts";

describe("Archiver: parts of a block", () => {
  const PART = 1_000_000;
  const texts = Array.from({ length: 100 }, (_, i) => String.fromCharCode(97 + i % 26));
  /** A hundred records of 100 kB each, of two days, every fifth of them no event. */
  const fat = () => {
    const log = newLog();
    for (const [i, letter] of texts.entries()) {
      const colour = letter.repeat(100_000);
      if (i % 5 === 4) log.place(0, { value: colour });
      else place(log, { id: `r-${i}`, at: `2013-07-2${i % 2}T00:00:00Z`, colour });
    }
    return log;
  };

  it("bound what an open block holds, in a topic without ticks and in a backlog", async () => {
    const store = new MemoryStore();
    let [held, most, parts] = [0, 0, 0];
    const archiver = openArchiver(fat(), store, {
      blockSize: 100,
      partBytes: PART,
      encodePart: (topic, part) => {
        const letters = part.deadLetters.reduce((sum, { value }) => sum + value.length, 0);
        held = part.rows.bytes.length + letters;
        most = Math.max(most, held);
        parts++;
        return encodePart(topic, part);
      },
    });
    expect(await archiver.archiveClosed(0)).toBe(100n);
    // What it holds doubles as it grows, and a text may be held twice: by itself and in `raw`.
    expect(most).toBeLessThan(4 * PART);
    expect(parts).toBe(12);
  });

  it("are files of their own offsets, which one manifest lists", async () => {
    const store = new MemoryStore();
    const log = fat();
    await openArchiver(log, store, { blockSize: 100, partBytes: PART }).archiveClosed(0);
    const manifests = store.names("readings/manifests/");
    expect(manifests.length).toBe(1);
    expect(store.puts.at(-1)).toBe(manifests[0]);
    const manifest = await manifestOf(store, manifests[0]);
    expect(manifest).toMatchObject({ start: 0n, end: 100n, records: 100, events: 80 });
    expect(manifest.deadLetters).toBe(20);
    const found: unknown[] = [];
    for (const { name, day, rows } of manifest.files) {
      const [start, end] = name.slice(-49, -8).split("_").map(BigInt);
      const read = await parquetRows(store.objects.get(name)!);
      expect(read.length).toBe(rows);
      for (const { offset, raw } of read) {
        expect(offset as bigint >= start && offset as bigint < end).toBe(true);
        expect(name).toContain(day);
        found.push([Number(offset), JSON.parse(String(raw)).colour[0]]);
      }
    }
    for (const name of store.names("readings/dead_letters/")) {
      for (const { offset, value } of await parquetRows(store.objects.get(name)!)) {
        found.push([Number(offset), String(value)[0]]);
      }
    }
    const byOffset = (a: unknown, b: unknown) => (a as number[])[0] - (b as number[])[0];
    expect(found.sort(byOffset)).toEqual([...texts.entries()]);
  });

  it("change no byte of a block that is one part", async () => {
    const [log, large, small] = [newLog(), new MemoryStore(), new MemoryStore()];
    for (let i = 0; i < 10; i++) place(log, { at: `2013-07-2${i}T00:00:00Z`, colour: "red" });
    const input = 10 * JSON.stringify(reading({ colour: "red" })).length;
    await openArchiver(log, large).archiveClosed(0);
    await openArchiver(log, small, { partBytes: input }).archiveClosed(0);
    expect([...small.objects]).toEqual([...large.objects]);
    const cut = new MemoryStore();
    await openArchiver(log, cut, { partBytes: input - 1 }).archiveClosed(0);
    expect(cut.names().filter((name) => large.objects.has(name))).toEqual([manifest0]);
  });
});
