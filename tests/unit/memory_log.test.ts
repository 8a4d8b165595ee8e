import { describe, expect, it } from "testing";
import { ExternalError, LogGapError } from "../../runtime/std/errors.ts";
import { RecordKind } from "../../runtime/ports/ports.ts";
import { plain, records } from "../support/log_reading.ts";
import { MemoryLog } from "../support/memory_log.ts";

describe("MemoryLog", () => {
  it("place() leaves gaps, and read() steps over them", async () => {
    const log = new MemoryLog({ partitions: 1, nowMs: 5 });
    log.place(0, { offset: 3n, value: "a" });
    log.place(0, { offset: 7n, kind: RecordKind.tick, appendMs: 9 });
    const chunk = await log.read(0, 1n);
    expect([...chunk.offsetDelta]).toEqual([2, 6]);
    expect([...chunk.appendMs]).toEqual([5, 9]);
    expect([...chunk.kind]).toEqual([0, 1]);
    expect(chunk.to).toBe(8n);
    expect((await log.read(0, 0n, { maxRecords: 1 })).to).toBe(4n);
    expect(() => log.place(0, { offset: 7n })).toThrow(RangeError);
  });

  it("skipTo() ends a read beyond the last record", async () => {
    const log = new MemoryLog({ partitions: 1 });
    log.place(0, { value: "a" });
    log.skipTo(0, 5n);
    const chunk = await log.read(0, 0n);
    expect([chunk.count, chunk.to]).toEqual([1, 5n]);
    const trailing = await log.read(0, 1n);
    expect([trailing.count, trailing.to]).toEqual([0, 5n]);
    expect(log.place(0)).toBe(5n);
  });

  it("a gap wider than 32 bits is crossed by an empty chunk", async () => {
    const log = new MemoryLog({ partitions: 1 });
    log.place(0, { offset: 1n << 33n, value: "far" });
    const empty = await log.read(0, 0n);
    expect([empty.count, empty.to]).toEqual([0, 1n << 33n]);
    expect(plain(await log.read(0, empty.to)).map((r) => r.offset)).toEqual([1n << 33n]);
  });

  it("truncate(), growTo() and failingAppends do what the test says", async () => {
    const log = new MemoryLog({ partitions: 1 });
    await log.append(records(["k", "1"], ["k", "2"]));
    log.truncate(0, 1n);
    await expect(log.read(0, 2n)).rejects.toThrow(LogGapError);
    log.growTo(3);
    expect(log.partitionCount()).toBe(3);
    log.failingAppends = 1;
    await expect(log.append(records(["k", "3"]))).rejects.toThrow(ExternalError);
    await log.append(records(["k", "3"]));
  });
});
