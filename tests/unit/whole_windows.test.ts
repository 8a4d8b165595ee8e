import { describe, expect, it, vi } from "testing";
import type { ArchivedRecords, EventLog, Warehouse } from "../../runtime/ports/ports.ts";
import { EventsBelow } from "../../runtime/speed/whole_windows.ts";
import { ManualClock } from "../support/manual_clock.ts";

const NOW = Date.UTC(2026, 0, 1);
const ledger = {
  topic: "t",
  schemaVersion: 1,
  decoderVersion: 1,
  blockSize: 8,
  horizon: 64,
  lateAfterMs: 0,
  futureAfterMs: 0,
};

type Archived = ArchivedRecords["lastEventMs"];
interface LedgerRow {
  readonly partition: number;
  readonly begins: number;
  readonly below: number | null;
  readonly newest: number;
  readonly future?: number | null;
}

const only = (lastMs: number) => ({ lastMs, futureMs: null });

function eventsBelow(rows: readonly LedgerRow[], lastEventMs?: Archived) {
  const clock = new ManualClock(NOW);
  const warehouse = { query: () => Promise.resolve(rows) } as unknown as Warehouse;
  const archived = lastEventMs && { lastEventMs } as ArchivedRecords;
  const log = { id: "log" } as EventLog;
  return { clock, asked: new EventsBelow({ warehouse, log, ledger, archived, clock }) };
}

describe("EventsBelow", () => {
  it("knows that nothing lies below the beginning of a log", async () => {
    const archive = vi.fn<Archived>(() => Promise.resolve(5));
    const { asked } = eventsBelow([], archive);
    expect(await asked.times([0n, 0n])).toEqual(only(-1));
    expect(archive).not.toHaveBeenCalled();
  });

  it("tells the append times below a cut, and asks again until the ledger goes up to it", async () => {
    const rows = [{ partition: 0, ms: 50, end: 32 }, { partition: 1, ms: 70, end: 15 }];
    const query = vi.fn(() => Promise.resolve(rows));
    const warehouse = { query } as unknown as Warehouse;
    const clock = new ManualClock(NOW);
    const asked = new EventsBelow({ warehouse, log: { id: "log" } as EventLog, ledger, clock });
    expect(await asked.appended([32n, 16n, 0n])).toEqual([50, null, null]);
    rows[1].end = 16;
    expect(await asked.appended([32n, 16n])).toEqual([50, 70]);
    expect(await asked.appended([32n, 16n])).toEqual([50, 70]);
    expect(query).toHaveBeenCalledTimes(2);
  });

  it("takes what nobody tells to be as new as the newest event, and before the first as the present", async () => {
    for (const archive of [undefined, () => Promise.resolve(null), () => Promise.reject("down")]) {
      const rows = [{ partition: 1, begins: 16, below: null, newest: NOW - 90 }];
      expect(await eventsBelow(rows, archive).asked.times([0n, 16n])).toEqual(only(NOW - 90));
      expect(await eventsBelow([], archive).asked.times([0n, 16n])).toEqual(only(NOW));
    }
  });

  it("asks the archive for what lies below the ledger, and takes the greater of both", async () => {
    const archive = vi.fn<Archived>((partition) => Promise.resolve(partition === 0 ? 300 : -1));
    const rows = [
      { partition: 0, begins: 16, below: 200, newest: 900 },
      { partition: 1, begins: 8, below: 250, newest: 800 },
      { partition: 2, begins: 0, below: 280, newest: 700 },
    ];
    const first = [32n, 24n, 24n];
    expect(await eventsBelow(rows, archive).asked.times(first)).toEqual(only(300));
    expect(archive.mock.calls).toEqual([[0, 16n], [1, 8n]]);
    const empty = () => Promise.resolve(-1);
    expect(await eventsBelow(rows, empty).asked.times(first)).toEqual(only(280));
  });

  it("tells the least future event beside the greatest of all others", async () => {
    const rows = [
      { partition: 0, begins: 0, below: 200, newest: 900, future: NOW + 7 },
      { partition: 1, begins: 0, below: 250, newest: 800, future: null },
      { partition: 2, begins: 0, below: 240, newest: 800, future: NOW + 5 },
    ];
    const below = await eventsBelow(rows).asked.times([32n, 24n, 16n]);
    expect(below).toEqual({ lastMs: 250, futureMs: NOW + 5 });
  });

  it("asks again, after a while, for what the archive did not have; never for what it told", async () => {
    let answer: number | null = null;
    const archive = vi.fn<Archived>(() => Promise.resolve(answer));
    const { asked, clock } = eventsBelow([], archive);
    expect(await asked.times([16n])).toEqual(only(NOW));
    answer = 40;
    expect(await asked.times([16n])).toEqual(only(NOW));
    clock.advance(10_000);
    expect(await asked.times([16n])).toEqual(only(40));
    clock.advance(3_600_000);
    expect(await asked.times([16n])).toEqual(only(40));
    expect(archive).toHaveBeenCalledTimes(2);
  });
});
