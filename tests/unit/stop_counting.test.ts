import { afterAll, beforeAll, describe, expect, it } from "testing";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import type { EventLog } from "../../runtime/ports.ts";
import { openSpeedLayer } from "../../runtime/speed/speed_layer.ts";
import { tablesOf } from "../../runtime/tables.ts";
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

describe("a speed layer that is told to stop far from the log's end", () => {
  let laboratory: Awaited<ReturnType<typeof openLaboratory>>;
  beforeAll(async () => {
    laboratory = await openLaboratory();
  });
  afterAll(() => laboratory.close());

  it("goes on for a second and lets others have their turn meanwhile", async () => {
    const log = new MemoryLog({ topic: plugin.source.topic, id: "endless", partitions: 1 });
    const clock = new ManualClock(Date.UTC(2024, 2, 2));
    const facts = { blockSize: 1 << 16, horizon: 1 << 16 };
    const speed = await openSpeedLayer({
      ...{ schema: plugin.source, log: endless(log), clock, createDecoder, ...facts },
      ...{ warehouse: laboratory.warehouse, flushIntervalMs: 60_000, onProblem: () => {} },
      plugins: [tablesOf(plugin, "endless")],
      ledger: {
        ...{ topic: log.topic, schemaVersion: 1, decoderVersion: 1, lateAfterMs: 10_000 },
        ...facts,
      },
    });
    const stop = new AbortController();
    let ended = false;
    const running = speed.run(stop.signal).then(() => ended = true);
    const turns = async (count: number) => {
      for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 1));
    };
    while (log.endOf(0) === 0n) await turns(1);
    stop.abort();
    await turns(20);
    expect(ended).toBe(false); // there is more, and the second is not over
    clock.advance(1000);
    await running;
    const [reached] = speed.frontier(plugin.name)[log.id];
    expect(reached > 0n && reached < log.endOf(0)).toBe(true);
  });
});
