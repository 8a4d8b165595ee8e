import { afterAll, beforeAll, describe, expect, it } from "testing";
import { type Clock, systemClock } from "../../runtime/std/clock.ts";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import type { EventLog, Warehouse } from "../../runtime/ports/ports.ts";
import { openSpeedLayer } from "../../runtime/speed/speed_layer.ts";
import { tablesOf } from "../../runtime/sql/tables.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { openLaboratory, plugins } from "../support/parity/law.ts";

const { plugin } = plugins.get("hourly_stats")!;

/** A log that has more whenever it is read, of which one read gives four records. */
function endless(log: MemoryLog): EventLog {
  let made = 0;
  return new Proxy<EventLog>(log, {
    get(_, name: keyof EventLog) {
      if (name === "read") {
        return (partition: number, from: bigint) => {
          for (let i = 0; i < 8; i++) {
            const timestamp = new Date(Date.UTC(2024, 2, 1) + ++made).toISOString();
            const event = { event_id: `e${made}`, user_id: 1, movie_id: 1, event_type: "view" };
            log.place(partition, { value: JSON.stringify({ ...event, timestamp }) });
          }
          return log.read(partition, from, { maxRecords: 4 });
        };
      }
      const member: unknown = log[name];
      return typeof member === "function" ? member.bind(log) : member;
    },
  });
}

describe("a speed layer that is told to stop", () => {
  let laboratory: Awaited<ReturnType<typeof openLaboratory>>;
  beforeAll(async () => {
    laboratory = await openLaboratory();
  });
  afterAll(() => laboratory.close());

  const open = (log: EventLog, clock: Clock, warehouse: Warehouse, flushIntervalMs: number) => {
    const facts = { blockSize: 1 << 16, horizon: 1 << 16 };
    return openSpeedLayer({
      schema: plugin.source,
      log,
      clock,
      createDecoder,
      ...facts,
      warehouse,
      flushIntervalMs,
      onProblem: () => {},
      plugins: [tablesOf(plugin, log.id)],
      ledger: {
        topic: log.topic,
        schemaVersion: 1,
        decoderVersion: 1,
        lateAfterMs: 10_000,
        futureAfterMs: 3_600_000,
        ...facts,
      },
    });
  };
  const turns = async (count: number) => {
    for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 1));
  };

  it("far from the log's end goes on for a second and lets others have their turn meanwhile", async () => {
    const log = new MemoryLog({ topic: plugin.source.topic, id: "endless", partitions: 1 });
    const clock = new ManualClock(Date.UTC(2024, 2, 2));
    const speed = await open(endless(log), clock, laboratory.warehouse, 60_000);
    const stop = new AbortController();
    let ended = false;
    const running = speed.run(stop.signal).then(() => ended = true);
    while (log.endOf(0) === 0n) await turns(1);
    stop.abort();
    await turns(20);
    expect(ended).toBe(false); // there is more, and the second is not over
    clock.advance(1000);
    await running;
    const [reached] = speed.frontier(plugin.name)[log.id];
    expect(reached > 0n && reached < log.endOf(0)).toBe(true);
  });

  it("while it waits for a flush at the log's end, ends with that", async () => {
    const log = new MemoryLog({ topic: plugin.source.topic, id: "flushed", partitions: 1 });
    // So many that it waits for their insert before it reads on.
    for (let i = 0; i < 4000; i++) log.place(0, { value: "x".repeat(1040) });
    const held = Promise.withResolvers<void>();
    let inserting = false;
    const warehouse = new Proxy<Warehouse>(laboratory.warehouse, {
      get(target, name: keyof Warehouse) {
        if (name === "insert") {
          return async (into: string, rows: Uint8Array) => {
            if (into.startsWith("dead_letters")) {
              inserting = true;
              await held.promise;
            }
            await target.insert(into, rows);
          };
        }
        const member: unknown = target[name];
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
    const speed = await open(log, systemClock, warehouse, 10);
    const stop = new AbortController();
    let ended = false;
    const running = speed.run(stop.signal).then(() => ended = true);
    while (!inserting) await turns(1);
    await turns(200);
    stop.abort();
    await turns(50);
    held.resolve();
    for (let i = 0; i < 4000 && !ended; i++) await turns(1);
    const inTime = ended;
    log.place(0, { value: "y" }); // which would wake it
    await running;
    expect(inTime).toBe(true);
  });
});
