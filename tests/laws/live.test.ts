import { describe, expect, fc, it } from "testing";
import type { LiveUpdate, MetricAnswer } from "../../runtime/ports/services.ts";
import { LiveQuestions } from "../../runtime/serving/live.ts";
import { HandClock } from "../support/serving_world.ts";

type Rows = Readonly<Record<string, number>>;

/** A metric whose rows the test sets. */
class SetSource {
  rows: Rows = {};
  asked = 0;
  #moves = 0;

  set(rows: Rows): void {
    this.rows = rows;
    this.#moves++;
  }

  query = (): Promise<MetricAnswer> => {
    this.asked++;
    return Promise.resolve({
      metric: "m",
      layer: "merged",
      tz: "UTC",
      compare: null,
      cut: "",
      frontier: String(this.#moves),
      problems: [],
      generation: "v1_00000000",
      frozen_at: null,
      rebuilding: null,
      kept_from: null,
      kept_until: null,
      speed_ranges: [],
      not_compared: null,
      columns: [{ name: "key", type: "string" }, { name: "value", type: "integer" }],
      rows: Object.entries(this.rows).map(([key, value]) => ({ key, value })),
      next: null,
    });
  };
  identity = () => ["bucket", "key"];
  position = () => Promise.resolve(String(this.#moves));
}

/** What a reader has, after an update. */
function applied(had: Map<unknown, unknown>, update: LiveUpdate): Map<unknown, unknown> {
  const has = new Map(update.kind === "snapshot" ? [] : had);
  for (const row of update.answer.rows) has.set(row.key, row.value);
  for (const row of update.removed) has.delete(row.key);
  return has;
}

/** Lets everything that is ready run. */
const settle = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

async function world(source = new SetSource()) {
  const clock = new HandClock();
  const questions = new LiveQuestions(clock, source);
  const stop = new AbortController();
  const follow = async (lastId?: string, signal = stop.signal) =>
    (await questions.follow("m", { keys: {} }, { lastId, signal }))[Symbol.asyncIterator]();
  const second = async () => {
    clock.strike();
    await settle();
  };
  await settle();
  return { source, follow, second, stop };
}

const rowsOf = fc.dictionary(fc.constantFrom("a", "b", "c", "d"), fc.nat(3));
/** A step: new rows and a second, or one of two readers takes an update, or comes anew. */
const stepOf = fc.oneof(
  rowsOf.map((rows) => ({ rows })),
  fc.record({ reader: fc.nat(1), anew: fc.boolean() }),
);

describe("a followed question", () => {
  it("gives every reader the newest rows, whenever it takes updates or comes again", async () => {
    await fc.assert(fc.asyncProperty(fc.array(stepOf, { maxLength: 30 }), async (steps) => {
      const { source, follow, second, stop } = await world();
      const readers = [0, 1].map(() => ({
        updates: null as AsyncIterator<LiveUpdate> | null,
        has: new Map<unknown, unknown>(),
        id: undefined as string | undefined,
      }));
      const take = async (reader: typeof readers[number]) => {
        reader.updates ??= await follow(reader.id);
        const waiting = reader.updates.next();
        const none = Symbol();
        const next = await Promise.race([waiting, settle().then(() => none)]);
        if (typeof next === "symbol") {
          // Nothing changed: a reader that waits is one that comes again.
          reader.updates = null;
          return;
        }
        reader.has = applied(reader.has, next.value);
        reader.id = next.value.id;
      };
      for (const step of steps) {
        if ("rows" in step) {
          source.set(step.rows);
          await second();
          continue;
        }
        const reader = readers[step.reader];
        if (step.anew) reader.updates = null;
        await take(reader);
      }
      for (const reader of readers) {
        reader.updates = null;
        await take(reader);
        // No update on the way means that it had everything.
        expect(Object.fromEntries(reader.has)).toEqual({ ...source.rows });
      }
      stop.abort();
    }));
  });

  it("asks once for all readers, and not at all while nothing moves", async () => {
    const { source, follow, second, stop } = await world();
    const readers = await Promise.all(Array.from({ length: 100 }, () => follow()));
    expect(source.asked).toBe(1);
    for (let i = 0; i < 5; i++) await second();
    expect(source.asked).toBe(1);
    source.set({ a: 1 });
    await second();
    expect(source.asked).toBe(2);
    const { value } = await readers[0].next();
    expect([value.kind, value.answer.rows]).toEqual(["snapshot", [{ key: "a", value: 1 }]]);
    stop.abort();
  });

  it("tells a reader only what changed since its last id", async () => {
    const { source, follow, second, stop } = await world();
    source.set({ a: 1, b: 1 });
    const first = (await (await follow()).next()).value;
    source.set({ a: 2, c: 1 });
    await second();
    const { value } = await (await follow(first.id)).next();
    expect([value.kind, value.answer.rows, value.removed]).toEqual([
      "change",
      [{ key: "a", value: 2 }, { key: "c", value: 1 }],
      [{ key: "b" }],
    ]);
    expect((await (await follow("other-1")).next()).value.kind).toBe("snapshot");
    stop.abort();
  });

  it("ends for its readers when they are told to, and begins again for new ones", async () => {
    const { source, follow, stop } = await world();
    const updates = await follow();
    await updates.next();
    const waiting = updates.next();
    stop.abort();
    expect((await waiting).done).toBe(true);
    source.set({ a: 7 });
    const again = new AbortController();
    const { value } = await (await follow(undefined, again.signal)).next();
    expect(value.answer.rows).toEqual([{ key: "a", value: 7 }]);
    again.abort();
  });

  it("throws what the first answer throws, and can be asked again", async () => {
    const { source, follow, stop } = await world();
    const { query } = source;
    source.query = () => Promise.reject(new Error("not yet"));
    await expect(follow()).rejects.toThrow("not yet");
    source.query = query;
    expect((await (await follow()).next()).value.kind).toBe("snapshot");
    stop.abort();
  });
});
