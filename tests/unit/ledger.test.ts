import { describe, expect, it } from "testing";
import { BlockWalk } from "../../runtime/model/blocks.ts";
import { allocateColumns, RowStatus } from "../../runtime/model/columns.ts";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import { RecordKind } from "../../runtime/ports/ports.ts";
import { LedgerPartition } from "../../runtime/speed/ledger.ts";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import { MemoryLog } from "../support/memory_log.ts";

const MINUTE_MS = 60_000, HOUR_MS = 60 * MINUTE_MS;
const NOON_MS = Date.UTC(2026, 0, 1, 12);
const BLOCK_SIZE = 1024;
const NOTHING = {
  first: 0n,
  isRecorded: true,
  watermarkMs: -1,
  lastEventMs: -1,
  futureEvents: 0,
  events: 0,
  lateEvents: 0,
  repeats: 0,
  deadLetters: 0,
};

/** A partition of records placed by hand, and what the ledger makes of them. */
class World {
  readonly log = new MemoryLog({ partitions: 1 });
  #events = 0;

  event(atMs: number, appendMs: number): void {
    const value = JSON.stringify({
      event_id: `e${this.#events++}`,
      user_id: 1,
      movie_id: 1,
      event_type: "view",
      timestamp: new Date(atMs).toISOString(),
    });
    this.log.place(0, { value, appendMs });
  }

  tick(appendMs: number): void {
    this.log.place(0, { kind: RecordKind.tick, appendMs });
  }

  /** Reads the log from a block bound on, so many records at a time. */
  async totals(maxRecords = 1000, resumed?: { start: bigint; watermarkMs: number }) {
    const start = resumed?.start ?? 0n;
    const columns = allocateColumns(movieViewing, 1000);
    const decoder = createDecoder(movieViewing);
    const walk = new BlockWalk(BLOCK_SIZE, start);
    const ledger = new LedgerPartition(
      0,
      this.log,
      { lateAfterMs: 10_000, futureAfterMs: HOUR_MS },
      {
        ...NOTHING,
        watermarkMs: resumed?.watermarkMs ?? -1,
        resume: { block: start, frontier: start },
        written: NOTHING,
      },
    );
    for (let at = start; at < this.log.endOf(0); at = columns.to) {
      const faults = decoder.decode(await this.log.read(0, at, { maxRecords }), columns);
      const isTick = (row: number) => columns.status[row] === RowStatus.tick;
      for (const segment of walk.segments(columns, isTick)) ledger.apply(columns, segment, faults);
      ledger.advance(columns.to);
    }
    return ledger.totals();
  }
}

describe("the ledger's watermark", () => {
  it("ignores an event of 2105, which is counted, so that what follows is not late", async () => {
    const world = new World();
    const farMs = Date.UTC(2105, 0, 1);
    world.event(NOON_MS, NOON_MS);
    world.event(farMs, NOON_MS);
    for (let i = 1; i <= 5; i++) world.event(NOON_MS + i * 1000, NOON_MS + i * 1000);
    expect(await world.totals()).toMatchObject({
      events: 7,
      lateEvents: 0,
      futureEvents: 1,
      watermarkMs: NOON_MS + 5000,
      lastEventMs: farMs,
    });
  });

  it("takes an event that is ahead of its append time by the setting, and none beyond", async () => {
    const world = new World();
    world.event(NOON_MS + HOUR_MS, NOON_MS);
    expect(await world.totals()).toMatchObject({
      futureEvents: 0,
      watermarkMs: NOON_MS + HOUR_MS,
    });
    world.event(NOON_MS + HOUR_MS + 1, NOON_MS);
    expect(await world.totals()).toMatchObject({
      futureEvents: 1,
      watermarkMs: NOON_MS + HOUR_MS,
    });
  });

  it("moves on by a tick as far as time passed since the block's last record", async () => {
    const world = new World();
    world.event(NOON_MS - 5000, NOON_MS);
    world.tick(NOON_MS + MINUTE_MS);
    expect(await world.totals()).toMatchObject({ watermarkMs: NOON_MS - 5000 + MINUTE_MS });
    // An empty block knows no record to count from.
    world.tick(NOON_MS + HOUR_MS);
    expect(await world.totals()).toMatchObject({ watermarkMs: NOON_MS - 5000 + MINUTE_MS });
  });

  it("stays with events of years ago when a tick ends their block", async () => {
    const world = new World();
    const thenMs = Date.UTC(2013, 6, 20);
    world.event(thenMs, NOON_MS);
    world.tick(NOON_MS + MINUTE_MS);
    world.event(thenMs + MINUTE_MS, NOON_MS + 2 * MINUTE_MS);
    expect(await world.totals()).toMatchObject({
      lateEvents: 0,
      watermarkMs: thenMs + MINUTE_MS,
    });
  });

  it("is the same in whatever chunks the log is read, and after a restart at a bound", async () => {
    const world = new World();
    for (let i = 0; i < 40; i++) {
      const atMs = NOON_MS + i * 7919 % 97 * MINUTE_MS;
      world.event(i % 11 === 0 ? atMs + 3 * HOUR_MS : atMs, NOON_MS + i * MINUTE_MS);
      if (i % 9 === 8) world.tick(NOON_MS + i * MINUTE_MS + 30_000);
    }
    const whole = await world.totals();
    expect(whole.futureEvents).toBeGreaterThan(0);
    for (const chunk of [1, 3, 7]) expect(await world.totals(chunk)).toEqual(whole);
    // The first tick's bound, and the watermark that the ledger's row of that block has.
    const before = new World();
    for (let i = 0; i < 9; i++) {
      const atMs = NOON_MS + i * 7919 % 97 * MINUTE_MS;
      before.event(i % 11 === 0 ? atMs + 3 * HOUR_MS : atMs, NOON_MS + i * MINUTE_MS);
    }
    before.tick(NOON_MS + 8 * MINUTE_MS + 30_000);
    const { watermarkMs } = await before.totals();
    const resumed = await world.totals(1000, { start: before.log.endOf(0), watermarkMs });
    expect(resumed.watermarkMs).toBe(whole.watermarkMs);
  });
});
