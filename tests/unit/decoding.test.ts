import { describe, expect, it } from "testing";
import {
  changeSince,
  completeDecoding,
  decodingFaults,
  newestDecoding,
  openDecoding,
} from "../../runtime/archive/decoding.ts";
import { decimal, defineSchema, type EventSchema, uint32 } from "../../runtime/events.ts";
import { MemoryStore, openArchiver, readings } from "../support/archive_world.ts";
import { MemoryLog } from "../support/memory_log.ts";

const { topic } = readings;
const having = (fields: EventSchema["fields"]) =>
  defineSchema({ ...readings, fields: { ...readings.fields, ...fields } });
const scored = having({ score: uint32({ nullable: true }) });
const scaled = having({ level: decimal({ scale: 2, min: -1e6, max: 1e6 }) });

const open = (store: MemoryStore, schema: EventSchema, claims = true, decoderVersion = 1) =>
  openDecoding({ store, schema, decoderVersion, claims });

async function archiveSome(store: MemoryStore): Promise<void> {
  const log = new MemoryLog({ topic, id: "log-a", partitions: 2 });
  for (let i = 0; i < 12; i++) log.place(1, { value: "{}" });
  await openArchiver(log, store).archiveClosed(1);
}

describe("openDecoding()", () => {
  it("claims once for one schema and decoder, and the topic's own root at first", async () => {
    const store = new MemoryStore();
    expect(await open(store, readings)).toMatchObject({ number: 0, root: topic, from: {} });
    await open(store, readings);
    expect(store.names(`${topic}/decodings/`).length).toBe(1);
    const next = await open(store, readings, true, 2);
    expect(next).toMatchObject({ number: 1, root: `${topic}/decoded/${next.id}`, from: {} });
  });

  it("takes over what is archived, up to where it ends", async () => {
    const store = new MemoryStore();
    await open(store, readings);
    await archiveSome(store);
    const next = await open(store, scored);
    expect(next).toMatchObject({ number: 1, before: 0, from: { "log-a": [0n, 10n] } });
    expect(await newestDecoding(store, topic)).toEqual(next);
    expect((await completeDecoding(store, next)).number).toBe(0);
  });

  it("assumes a schema for what an earlier build archived, and looks at all of it at the next change", async () => {
    const store = new MemoryStore();
    await archiveSome(store);
    const first = await open(store, readings);
    expect(first).toMatchObject({ number: 0, root: topic, assumed: true });
    const next = await open(store, defineSchema({ ...readings, version: 2 }));
    const { widened, added } = changeSince(first, next.schema);
    expect([widened, added].map((names) => names.length)).toEqual([13, 13]);
    expect(changeSince(next, next.schema)).toEqual({ widened: [], added: [], conflicts: [] });
  });

  it("takes over from the last complete one, where the one before is not", async () => {
    const store = new MemoryStore();
    await open(store, readings);
    await archiveSome(store);
    await open(store, scored);
    expect(await open(store, readings)).toMatchObject({ number: 2, before: 0 });
  });

  it("gives one decoding to processes that start at once", async () => {
    const store = new MemoryStore();
    const opened = await Promise.all([1, 2, 3].map(() => open(store, readings)));
    expect(new Set(opened.map(({ id }) => id)).size).toBe(1);
    expect(store.names(`${topic}/decodings/`).length).toBe(1);
  });

  it("claims nothing for a process that only looks", async () => {
    const store = new MemoryStore();
    expect((await open(store, readings, false)).root).toBe(topic);
    expect(store.names(`${topic}/decodings/`)).toEqual([]);
    await open(store, readings);
    expect((await open(store, scored, false)).number).toBe(0);
  });

  it("refuses a schema that archived values do not fit, and takes it where nothing is archived", async () => {
    const store = new MemoryStore();
    await open(store, readings);
    await archiveSome(store);
    const fault = await open(store, scaled).catch((error) => error);
    expect(fault).toMatchObject({ fault: "user", field: "schema" });
    expect(fault.message).toMatch(/field "level" had scale 3 and has scale 2/);
    expect(await open(store, scaled, false).catch((error) => error)).toEqual(fault);
    expect(store.names(`${topic}/decodings/`).length).toBe(1);
    // By the former schema nothing changes.
    expect(await open(store, fault.former)).toEqual(await open(store, readings));
    const empty = new MemoryStore();
    await open(empty, readings);
    expect((await open(empty, scaled)).number).toBe(1);
  });

  it("names a claim of which any byte was changed, or that has another's name", async () => {
    const store = new MemoryStore();
    await open(store, readings);
    const [name] = store.names(`${topic}/decodings/`);
    const bytes = store.objects.get(name)!;
    expect(await decodingFaults(store, topic)).toEqual([]);
    for (let at = 0; at < bytes.length; at += 7) {
      const wrong = bytes.slice();
      wrong[at] ^= 1;
      store.objects.set(name, wrong);
      expect(await decodingFaults(store, topic)).toMatchObject([{ object: name }]);
      await expect(open(store, readings)).rejects.toThrow(name);
    }
    store.objects.set(name, bytes);
    const copy = name.replace("0.json", "3.json");
    store.objects.set(copy, bytes);
    expect(await decodingFaults(store, topic)).toMatchObject([{ object: copy }]);
  });
});
