import { describe, expect, it, vi } from "testing";
import type { ArchivedRecords, EventLog, Warehouse } from "../../runtime/ports.ts";
import { WholeFrom } from "../../runtime/speed/whole_from.ts";
import { ManualClock } from "../support/manual_clock.ts";

const NOW = Date.UTC(2026, 0, 1);
const ledger = {
  ...{ topic: "t", schemaVersion: 1, decoderVersion: 1 },
  ...{ blockSize: 8, horizon: 64, lateAfterMs: 0, futureAfterMs: 0 },
};

type Archived = ArchivedRecords["lastEventMs"];
interface LedgerRow {
  readonly partition: number;
  readonly begins: number;
  readonly below: number | null;
  readonly newest: number;
}

function wholeFrom(rows: readonly LedgerRow[], lastEventMs?: Archived) {
  const clock = new ManualClock(NOW);
  const warehouse = { query: () => Promise.resolve(rows) } as unknown as Warehouse;
  const archived = lastEventMs && { lastEventMs } as ArchivedRecords;
  const log = { id: "log" } as EventLog;
  return { clock, asked: new WholeFrom({ warehouse, log, ledger, archived, clock }) };
}

describe("WholeFrom", () => {
  it("knows that nothing lies below the beginning of a log", async () => {
    const archive = vi.fn<Archived>(() => Promise.resolve(5));
    const { asked } = wholeFrom([], archive);
    expect(await asked.lastEventMs([0n, 0n])).toBe(-1);
    expect(archive).not.toHaveBeenCalled();
  });

  it("takes what nobody tells to be as new as the newest event, and before the first as the present", async () => {
    for (const archive of [undefined, () => Promise.resolve(null), () => Promise.reject("down")]) {
      const rows = [{ partition: 1, begins: 16, below: null, newest: NOW - 90 }];
      expect(await wholeFrom(rows, archive).asked.lastEventMs([0n, 16n])).toBe(NOW - 90);
      expect(await wholeFrom([], archive).asked.lastEventMs([0n, 16n])).toBe(NOW);
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
    expect(await wholeFrom(rows, archive).asked.lastEventMs(first)).toBe(300);
    expect(archive.mock.calls).toEqual([[0, 16n], [1, 8n]]);
    const empty = () => Promise.resolve(-1);
    expect(await wholeFrom(rows, empty).asked.lastEventMs(first)).toBe(280);
  });

  it("asks again, after a while, for what the archive did not have; never for what it told", async () => {
    let answer: number | null = null;
    const archive = vi.fn<Archived>(() => Promise.resolve(answer));
    const { asked, clock } = wholeFrom([], archive);
    expect(await asked.lastEventMs([16n])).toBe(NOW);
    answer = 40;
    expect(await asked.lastEventMs([16n])).toBe(NOW);
    clock.advance(10_000);
    expect(await asked.lastEventMs([16n])).toBe(40);
    clock.advance(3_600_000);
    expect(await asked.lastEventMs([16n])).toBe(40);
    expect(archive).toHaveBeenCalledTimes(2);
  });
});
