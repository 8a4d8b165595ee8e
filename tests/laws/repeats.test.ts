import { describe, expect, fc, it } from "testing";
import { allocateColumns, RowStatus } from "../../runtime/model/columns.ts";
import { defineSchema, instant, string } from "../../runtime/events.ts";
import { RepeatIndex } from "../../runtime/speed/repeats.ts";

const schema = defineSchema({
  topic: "t",
  version: 1,
  summary: "",
  eventId: "id",
  eventTime: "at",
  partitionKey: "id",
  fields: { id: string(), at: instant() },
});

/** A record: how far behind the last one, and which identity (null: no event). */
type Step = { gap: number; identity: number | null };

const steps = fc.array(
  fc.record({
    gap: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.nat(40)),
    identity: fc.option(fc.nat(12), { freq: 8 }),
  }),
  { maxLength: 200 },
);

/** Marks repeats chunk by chunk and returns the flags of all rows. */
function mark(
  index: RepeatIndex,
  records: { offset: number; identity: number | null }[],
  chunk: number,
) {
  const columns = allocateColumns(schema, 256);
  const flags: number[] = [];
  let from = records[0]?.offset ?? 0;
  for (let i = 0; i < records.length; i += chunk) {
    const part = records.slice(i, i + chunk);
    columns.from = BigInt(from);
    part.forEach(({ offset, identity }, row) => {
      columns.offsetDelta[row] = offset - from;
      columns.status[row] = identity === null ? RowStatus.tick : RowStatus.event;
      // All identities share their table slot, so that probing and shifting are put to work.
      columns.identity.set([(identity ?? 0) + 1, 7, 7, identity ?? 0], row * 4);
    });
    columns.count = part.length;
    from = part[part.length - 1].offset + 1;
    columns.to = BigInt(from);
    index.mark(columns);
    for (let row = 0; row < part.length; row++) flags.push(columns.repeat[row]);
  }
  return flags;
}

function place(list: Step[], base: number) {
  let offset = base;
  return list.map(({ gap, identity }) => {
    offset += gap;
    return { offset: offset++, identity };
  });
}

describe("laws of repeats", () => {
  it("an event is a repeat exactly if its identity occurs in [offset − horizon, offset)", () => {
    fc.assert(
      fc.property(
        steps,
        fc.constantFrom(2, 8, 16, 64, 256),
        fc.constantFrom(2, 4, 16, 4096),
        fc.integer({ min: 1, max: 50 }),
        fc.constantFrom(0, 5, 2 ** 33 - 3),
        (list, horizon, firstSlots, chunk, base) => {
          const records = place(list, base);
          const flags = mark(new RepeatIndex(horizon, firstSlots), records, chunk);
          const expected = records.map(({ offset, identity }) =>
            identity !== null &&
              records.some((other) =>
                other.identity === identity && other.offset < offset &&
                other.offset >= offset - horizon
              )
              ? 1
              : 0
          );
          expect(flags).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("reading the horizon again before a restart gives the same answers from there on", () => {
    fc.assert(
      fc.property(steps, fc.nat(199), (list, at) => {
        const horizon = 16;
        const records = place(list, 0);
        if (at >= records.length) return;
        const whole = mark(new RepeatIndex(horizon), records, 7);
        const start = records[at].offset;
        const again = records.filter(({ offset }) => offset >= start - horizon);
        const flags = mark(new RepeatIndex(horizon), again, 5);
        expect(flags.slice(again.length - (records.length - at))).toEqual(whole.slice(at));
      }),
      { numRuns: 300 },
    );
  });

  it("takes memory as offsets pass, up to 24 bytes per offset of the horizon", () => {
    const index = new RepeatIndex(2 ** 16);
    const first = index.bytes;
    expect(first).toBeLessThan(2 ** 17);
    const columns = allocateColumns(schema, 1);
    for (const passed of [2 ** 15, 2 ** 16, 2 ** 17]) {
      columns.to = BigInt(passed);
      index.mark(columns);
      columns.from = columns.to;
      expect(index.bytes).toBe(24 * Math.min(passed, 2 ** 16));
    }
  });

  it("refuses a horizon that is not a power of two", () => {
    expect(() => new RepeatIndex(1000)).toThrow("power of two");
  });
});
