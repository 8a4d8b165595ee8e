import { describe, expect, fc, it } from "testing";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import { createRecords } from "../../runtime/engine/records.ts";
import { LogGapError } from "../../runtime/std/errors.ts";
import { encodeCursor } from "../../runtime/std/page_cursor.ts";
import { RecordKind } from "../../runtime/ports/ports.ts";
import type { RecordQuery, RecordView } from "../../runtime/ports/services.ts";
import { MemoryLog } from "../support/memory_log.ts";

const event = (id: string) =>
  JSON.stringify({
    event_id: id,
    user_id: 1,
    movie_id: 2,
    event_type: "view",
    timestamp: "2024-01-01T00:00:00Z",
    duration: 1.5,
    rating: null,
  });

function world(partitions = 1) {
  const log = new MemoryLog({ partitions, nowMs: Date.UTC(2024, 0, 2) });
  const records = createRecords([{ schema: movieViewing, log }]);
  return { log, records };
}

const placeOf = ({ partition, offset }: RecordView) => `${partition}/${offset}`;

/** All pages from the newest record down. */
async function down({ records }: ReturnType<typeof world>, query: RecordQuery) {
  const found: RecordView[] = [];
  let before: string | undefined;
  for (;;) {
    const page = await records.list({ ...query, before });
    found.push(...page.items);
    if (page.next === null) return found;
    before = page.next;
  }
}

/** Where records lie: per record its partition, the gap in front of it, its append time. */
const layout = fc.array(
  fc.record({
    partition: fc.nat(2),
    gap: fc.oneof(fc.nat(2), fc.nat(5000)),
    laterMs: fc.nat(3),
    kind: fc.constantFrom("event", "tick", "broken"),
  }),
  { maxLength: 60 },
);

function placed(records: Parameters<Parameters<typeof layout.map>[0]>[0]) {
  const of = world(3);
  const places: string[] = [];
  for (const { partition, gap, laterMs, kind } of records) {
    of.log.nowMs += laterMs;
    const offset = of.log.place(partition, {
      offset: of.log.endOf(partition) + BigInt(gap),
      value: kind === "event" ? event(`e${places.length}`) : kind === "broken" ? "{" : "",
      kind: kind === "tick" ? RecordKind.tick : RecordKind.event,
    });
    places.push(`${partition}/${offset}`);
  }
  return { ...of, places };
}

describe("records", () => {
  it("are each met once over all pages, in the order of their append times", async () => {
    await fc.assert(fc.asyncProperty(layout, fc.integer({ min: 1, max: 20 }), async (of, limit) => {
      const { places, ...rest } = placed(of);
      const found = await down(rest, { limit: String(limit) });
      expect(found.map(placeOf).sort()).toEqual([...places].sort());
      const times = found.map(({ append_time }) => append_time);
      expect(times).toEqual(times.toSorted().reverse());
    }));
  });

  it("are each met once by who follows, wherever gaps lie", async () => {
    await fc.assert(fc.asyncProperty(layout, layout, fc.integer({ min: 1, max: 20 }), async (
      before,
      behind,
      limit,
    ) => {
      const { log, records, places } = placed(before);
      const { newest } = await records.list({ limit: "1" });
      const later: string[] = [];
      for (const { partition, gap } of behind) {
        const offset = log.endOf(partition) + BigInt(gap);
        later.push(`${partition}/${log.place(partition, { offset, value: event("later") })}`);
        log.skipTo(partition, log.endOf(partition) + BigInt(gap));
      }
      const found: string[] = [];
      for (let after = newest, left = later.length + 2; left > 0; left--) {
        const page = await records.list({ after, limit: String(limit) });
        found.push(...page.items.map(placeOf));
        expect(page.next === null).toBe(found.length === later.length);
        after = page.newest;
      }
      expect(found.sort()).toEqual(later.sort());
      expect(new Set([...places, ...found]).size).toBe(places.length + later.length);
    }));
  });

  it("end a list exactly where there are no more, gaps or not", async () => {
    const of = world();
    of.log.place(0, { offset: 10_000n, value: event("a") });
    of.log.place(0, { offset: 50_000n, value: event("b") });
    expect((await of.records.list({ limit: "1" })).next).not.toBe(null);
    expect((await of.records.list({ limit: "2" })).next).toBe(null);
    expect(await world().records.list({})).toMatchObject({ items: [], next: null });
  });

  it("read no more of a dense log than they show", async () => {
    const of = world();
    for (let i = 0; i < 20_000; i++) of.log.place(0, { value: "{" });
    const { log } = of;
    const read = log.read.bind(log);
    let taken = 0;
    log.read = async (...args) => {
      const chunk = await read(...args);
      taken += chunk.count;
      return chunk;
    };
    expect((await of.records.list({ limit: "10" })).items.length).toBe(10);
    expect(taken).toBe(11);
  });

  it("show the first 4 KiB of a text, and no part of a character", async () => {
    const { log, records } = world();
    log.place(0, { value: "x" + "é".repeat(5000) });
    log.place(0, { value: Uint8Array.of(0x41, 0xc3) });
    const [cut, short] = (await records.list({})).items.toReversed().map(({ text }) => text);
    expect(cut).toBe("x" + "é".repeat(2047));
    expect(short).toBe("A\ufffd");
  });

  it("go on where the log begins, when it lets go of its oldest records meanwhile", async () => {
    const of = world();
    for (let i = 0; i < 5; i++) of.log.place(0, { value: event(`e${i}`) });
    const read = of.log.read.bind(of.log);
    let refusals = 1;
    const bounds = of.log.bounds.bind(of.log);
    of.log.bounds = async (partition) => ({
      ...await bounds(partition),
      ...(refusals === 0 ? { start: 3n } : {}),
    });
    of.log.read = (partition, from, options) => {
      if (refusals-- > 0) return Promise.reject(new LogGapError("gone"));
      return read(partition, from, options);
    };
    expect((await of.records.list({})).items.map(placeOf)).toEqual(["0/4", "0/3"]);
  });

  it("follow into partitions that are new", async () => {
    const { log, records } = world(1);
    log.place(0, { value: event("a") });
    const { newest } = await records.list({});
    log.growTo(2);
    log.place(1, { value: event("b") });
    const { items } = await records.list({ after: newest });
    expect(items.map(placeOf)).toEqual(["1/0"]);
  });

  it("refuse positions that somebody made up", async () => {
    const { log, records } = world(2);
    log.place(0, { value: event("a") });
    const question = ["events", log.id, null];
    for (const position of [["x"], [null], ["-1"], ["1", "2", "3"], ["1e3"], [true]]) {
      for (const field of ["before", "after"]) {
        await expect(records.list({ [field]: encodeCursor(question, position) }))
          .rejects.toMatchObject({ field, fault: "user" });
      }
    }
    expect((await records.list({ before: encodeCursor(question, ["99", "99"]) })).items.length)
      .toBe(1);
  });
});

describe("records at a place", () => {
  it("are those up to an offset, whatever gaps are there", async () => {
    const { log, records } = world(2);
    for (const offset of [0n, 1n, 7n, 9n]) log.place(1, { offset, value: event(`e${offset}`) });
    const at = async (offset: string) =>
      (await records.list({ partition: "1", offset })).items.map(placeOf);
    expect(await at("7")).toEqual(["1/7", "1/1", "1/0"]);
    expect(await at("5")).toEqual(["1/1", "1/0"]);
    expect(await at("100")).toEqual(["1/9", "1/7", "1/1", "1/0"]);
    await expect(records.list({ offset: "1" })).rejects.toMatchObject({ field: "partition" });
    await expect(records.list({ partition: "1", offset: "1", time: "2024-01-01" })).rejects
      .toThrow("offset and time exclude each other");
  });

  it("are those appended up to a time, in every partition", async () => {
    await fc.assert(fc.asyncProperty(layout, fc.nat(200), async (of, laterMs) => {
      const { records, ...rest } = placed(of);
      const all = await down({ records, ...rest }, {});
      const time = new Date(Date.UTC(2024, 0, 2) + laterMs).toISOString();
      const found = (await records.list({ time, limit: "1000" })).items;
      expect(found.map(placeOf))
        .toEqual(all.filter(({ append_time }) => append_time <= time).map(placeOf));
    }));
    await expect(world().records.list({ time: "noon" })).rejects.toMatchObject({ field: "time" });
  });

  it("are one, with all of its bytes", async () => {
    const { log, records } = world();
    const value = event("e1") + " ".repeat(9000);
    log.place(0, { offset: 4n, value });
    const place = { topic: movieViewing.topic, partition: "0", offset: "4" };
    const { bytes, ...record } = await records.one(place);
    expect(new TextDecoder().decode(bytes)).toBe(value);
    expect([record.offset, record.kind, record.text.length]).toEqual(["4", "event", 4096]);
    for (const offset of ["3", "5"]) {
      await expect(records.one({ ...place, offset })).rejects.toThrow(
        `Cannot show the record at offset ${offset} of partition 0`,
      );
    }
  });
});

describe("a search of records", () => {
  it("meets every event with a value once, over all pages, and says how far it got", async () => {
    const bound = fc.integer({ min: 8, max: 40 });
    await fc.assert(
      fc.asyncProperty(layout, bound, bound, async (of, limit, scan) => {
        const dense = of.map(({ gap, ...rest }) => ({ ...rest, gap: gap % 4 }));
        const { log, records, places } = placed(dense);
        const wanted = places.filter((_, i) => of[i].kind === "event");
        const [id] = wanted.length === 0 ? ["none"] : [`e${places.indexOf(wanted[0])}`];
        for (
          const [field, value, expected] of [
            ["user_id", "1", wanted],
            ["event_id", id, wanted.slice(0, 1)],
            ["timestamp", "2024-01-01T00:00:00Z", wanted],
            ["duration", "1.6", []],
          ] as const
        ) {
          const found: string[] = [];
          let [before, looked] = [undefined as string | undefined, 0];
          for (;;) {
            const query = { field, value, before, limit: String(limit), scan: String(scan) };
            const { items, next, scanned } = await records.list(query);
            found.push(...items.map(placeOf));
            looked += scanned!.records;
            expect(scanned!.records).toBeLessThanOrEqual(scan);
            expect(items.length).toBeLessThanOrEqual(limit);
            const all = [0, 1, 2].reduce((sum, p) => sum + Number(log.endOf(p)), 0);
            expect(looked + scanned!.left).toBe(all);
            if (next === null) break;
            before = next;
          }
          expect(found.sort()).toEqual([...expected].sort());
        }
      }),
      { numRuns: 8 },
    );
  });

  it("needs a declared field and a value", async () => {
    const { records } = world();
    await expect(records.list({ field: "user", value: "1" })).rejects.toThrow(
      "field must be one of event_id",
    );
    await expect(records.list({ field: "user_id" })).rejects.toMatchObject({ field: "value" });
    await expect(records.list({ field: "user_id", value: "1", scan: "0" })).rejects
      .toMatchObject({ field: "scan" });
  });
});
