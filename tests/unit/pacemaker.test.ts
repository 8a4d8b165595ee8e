import { describe, expect, it } from "testing";
import { Pacemaker } from "../../runtime/archive/pacemaker.ts";
import { MemoryStore, openArchiver, reading, StandingClock } from "../support/archive_world.ts";
import { MemoryLog } from "../support/memory_log.ts";

function world(partitions = 1) {
  const clock = new StandingClock(1_000_000);
  const log = new MemoryLog({ topic: "readings", partitions, nowMs: clock.nowMs });
  const store = new MemoryStore();
  const archiver = openArchiver(log, store, { clock });
  const pacemaker = new Pacemaker({ log, clock, openBlocks: () => archiver.openBlocks() });
  const place = (partition = 0) =>
    log.place(partition, { value: JSON.stringify(reading()), appendMs: clock.nowMs });
  return { clock, log, store, archiver, pacemaker, place };
}

describe("Pacemaker", () => {
  it("ends a block that holds events and has been open for the block span", async () => {
    const { clock, log, archiver, pacemaker, place } = world(2);
    place();
    await archiver.archiveClosed(0);
    await archiver.archiveClosed(1);
    clock.advance(59_999);
    expect(await pacemaker.beat()).toBe(0);
    clock.advance(1);
    expect(await pacemaker.beat()).toBe(1);
    expect(await archiver.archiveClosed(0)).toBe(2n);
    expect(await log.bounds(1)).toEqual({ start: 0n, end: 0n });
  });

  it("appends one tick per open block, also while nobody archives it", async () => {
    const { clock, log, archiver, pacemaker, place } = world();
    place();
    await archiver.archiveClosed(0);
    for (let i = 0; i < 10; i++) {
      clock.advance(60_000);
      await pacemaker.beat();
    }
    expect((await log.bounds(0)).end).toBe(2n);
    await archiver.archiveClosed(0);
    place();
    await archiver.archiveClosed(0);
    clock.advance(60_000);
    expect(await pacemaker.beat()).toBe(1);
  });

  it("leaves an empty block open", async () => {
    const { clock, archiver, pacemaker, place } = world();
    for (let i = 0; i < 10; i++) place();
    await archiver.archiveClosed(0);
    clock.advance(600_000);
    expect(await pacemaker.beat()).toBe(0);
  });

  it("knows after a restart how long a block has been open", async () => {
    const { clock, log, store, place } = world();
    place();
    clock.advance(59_000);
    place();
    const archiver = openArchiver(log, store, { clock });
    await archiver.archiveClosed(0);
    const pacemaker = new Pacemaker({ log, clock, openBlocks: () => archiver.openBlocks() });
    expect(await pacemaker.beat()).toBe(0);
    clock.advance(1000);
    expect(await pacemaker.beat()).toBe(1);
  });

  it("does not make a storm of ticks where append times lie in the past", async () => {
    const { clock, log, archiver, pacemaker } = world();
    let ticks = 0;
    for (let second = 0; second < 120; second++) {
      log.place(0, { value: JSON.stringify(reading()), appendMs: 0 });
      await archiver.archiveClosed(0);
      ticks += await pacemaker.beat();
      clock.advance(1000);
    }
    expect(ticks).toBe(2);
  });

  it("tries again when a tick could not be appended", async () => {
    const { clock, log, archiver, pacemaker, place } = world();
    place();
    await archiver.archiveClosed(0);
    clock.advance(60_000);
    log.failingAppends = 1;
    expect(await pacemaker.beat()).toBe(0);
    expect(pacemaker.error).not.toBe(null);
    expect(await pacemaker.beat()).toBe(1);
    expect(pacemaker.error).toBe(null);
  });

  it("refuses a block span that is not above 0", () => {
    const { clock, log } = world();
    expect(() => new Pacemaker({ log, clock, openBlocks: () => [], blockSpanMs: 0 }))
      .toThrow(RangeError);
  });
});
