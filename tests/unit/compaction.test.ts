import { setImmediate } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "testing";
import { Problems } from "../../runtime/model/problems.ts";
import { RELATION_VALID_MS } from "../../runtime/archive/archive_reader.ts";
import type { Manifest } from "../../runtime/ports/ports.ts";
import { reading } from "../support/archive_world.ts";
import { CompactionWorld, openCompactionLab } from "../support/compaction_world.ts";

describe("Compactor", () => {
  let lab: Awaited<ReturnType<typeof openCompactionLab>>;
  let cases = 0;
  beforeAll(async () => {
    lab = await openCompactionLab();
  });
  afterAll(() => lab.close());

  /** A world with `blocks` archived blocks in partition 0; every third event is a day late. */
  const openWorld = async (blocks: number) => {
    const world = await CompactionWorld.open(lab.warehouse, `${lab.dir}/case${++cases}`);
    place(world, blocks);
    await world.archive();
    return world;
  };
  const place = (world: CompactionWorld, blocks: number) => {
    for (let i = 0; i < blocks * 4; i++) {
      const day = i % 3 === 2 ? 19 : 20;
      const at = `2013-07-${day}T10:00:00.${String(999_999_999 - i)}Z`;
      world.log.place(0, { value: JSON.stringify(reading({ id: `r-${i}`, at })) });
    }
  };
  const manifests = async (world: CompactionWorld, base: bigint, cut: bigint) => {
    const found: Manifest[] = [];
    const ranges = world.reader().manifests({ "log-a": [base] }, { "log-a": [cut] });
    for await (const manifest of ranges) found.push(manifest);
    return found;
  };
  const spans = (found: readonly Manifest[]) => found.map(({ start, end }) => [start, end]);

  it("makes one file per day of whole blocks, in order, up to maxRows", async () => {
    const world = await openWorld(5);
    const before = await world.rows();
    expect(await world.compactor({ maxRows: 17 }).compactOnce()).toBe(1);
    const pad = (offset: number) => String(offset).padStart(20, "0");
    const range = `log-a_00000_${pad(0)}_${pad(16)}`;
    expect(await world.names("compacted")).toEqual([
      `readings/compacted/dt=2013-07-19/${range}.parquet`,
      `readings/compacted/dt=2013-07-20/${range}.parquet`,
    ]);
    expect(await world.rows()).toEqual(before);
    const [manifest] = await manifests(world, 0n, 16n);
    expect(manifest).toMatchObject({ start: 0n, end: 16n, records: 16, events: 16 });
    expect(manifest.files.map(({ day, rows }) => [day, rows])).toEqual([
      ["2013-07-19", 5],
      ["2013-07-20", 11],
    ]);
    const table = world.inner.tableFunction(manifest.files[1].name, "id String");
    const ids = await lab.warehouse.query<{ id: string }>(`SELECT id FROM ${table}`);
    expect(ids[0].id).toBe("r-15");
  });

  it("makes several files of a day whose block files are large, each of its own offsets", async () => {
    const world = await openWorld(5);
    const before = await world.rows();
    await world.compactor({ maxFileBytes: 1 }).compactOnce();
    const pad = (offset: number) => String(offset).padStart(20, "0");
    const name = (day: number, [start, end]: number[]) =>
      `readings/compacted/dt=2013-07-${day}/log-a_00000_${pad(start)}_${pad(end)}.parquet`;
    const bounds = [[0, 4], [4, 8], [8, 12]];
    const names = [19, 20].flatMap((day) => bounds.map((part) => name(day, part)));
    expect(await world.names("compacted")).toEqual(names);
    const [manifest] = await manifests(world, 0n, 12n);
    expect(manifest.files.map((file) => file.name)).toEqual(names);
    expect(await world.rows()).toEqual(before);
  });

  it("leaves fewer blocks than minManifests alone", async () => {
    const world = await openWorld(3);
    expect(await world.compactor({ minManifests: 4 }).compactOnce()).toBe(0);
    place(world, 1);
    await world.archive();
    expect(await world.compactor({ minManifests: 4 }).compactOnce()).toBe(1);
  });

  it("keeps values of every kind, and what is no value", async () => {
    const world = await CompactionWorld.open(lab.warehouse, `${lab.dir}/case${++cases}`);
    const put = (fields: Record<string, unknown>) =>
      world.log.place(0, { value: JSON.stringify(reading(fields)), appendMs: 1_374_300_000_123 });
    put({ at: "2013-07-20T10:00:00.123456789Z", level: -0.001, state: "it's on", extra: { a: 1 } });
    put({ at: "1970-01-01T00:00:00.000000001Z", level_or_null: 0, count: -1e11, good: false });
    put({
      at: "2105-12-31T23:59:59.999999999Z",
      count_or_null: 0,
      state_or_null: "b",
      good_or_null: false,
      note: "",
      other_or_null: 0,
      id: "\u0000é'\\",
      level: 999999.999,
    });
    put({ good_or_null: true, note: "n", other_or_null: 2 ** 32 - 1, level_or_null: -12.34 });
    await world.archive();
    const before = await world.rows();
    expect(before).toHaveLength(4);
    await world.compactor({ minManifests: 1 }).compactOnce();
    for (const name of await world.names("events")) await world.inner.remove(name);
    expect(await world.rows()).toEqual(before);
  });

  it("compacts no block whose file is missing or has a flipped bit", async () => {
    const world = await openWorld(3);
    const [name] = await world.names("events/dt=2013-07-20");
    const bytes = (await world.inner.get(name))!;
    await world.inner.remove(name);
    await expect(world.compactor().compactOnce()).rejects.toThrow(`"${name}" is damaged`);
    const flipped = bytes.slice();
    flipped[bytes.length >> 1] ^= 1;
    await world.inner.put(name, flipped);
    await expect(world.compactor().compactOnce()).rejects.toThrow(`"${name}" is damaged`);
    expect(await world.names("compacted_manifests")).toEqual([]);
    await world.inner.put(name, bytes);
    expect(await world.compactor().compactOnce()).toBe(1);
  });

  it("advances nothing when a file that is there holds other rows", async () => {
    const world = await openWorld(3);
    await world.compactor().compactOnce();
    const [manifest] = await world.names("compacted_manifests");
    await world.inner.remove(manifest);
    const [name, other] = await world.names("compacted");
    await world.inner.put(name, (await world.inner.get(other))!);
    await expect(world.compactor().compactOnce()).rejects.toThrow(/expected rows 4 in ".*", got 8/);
    expect(await world.names("compacted_manifests")).toEqual([]);
    expect(await world.compactor().compactOnce()).toBe(1);
  });

  it("completes what another has claimed, whatever its own settings say", async () => {
    const world = await openWorld(6);
    const before = await world.rows();
    world.allowed = 2; // the claim and one file
    await expect(world.compactor({ maxRows: 12 }).compactOnce()).rejects.toThrow("is dead");
    world.allowed = Infinity;
    expect(await world.rows()).toEqual(before);
    await world.compactor({ minManifests: 100, maxRows: 24 }).compactOnce();
    expect(spans(await manifests(world, 0n, 12n))).toEqual([[0n, 12n]]);
    expect(await world.rows()).toEqual(before);
  });

  it("lets two at once make one range", async () => {
    const world = await openWorld(6);
    const before = await world.rows();
    await Promise.all([
      world.compactor({ maxRows: 24 }).compactOnce(),
      world.compactor({ maxRows: 8 }).compactOnce(),
    ]);
    expect(await world.names("compacted_manifests")).toHaveLength(1);
    expect(await world.rows()).toEqual(before);
  });

  it("removes replaced blocks after the grace, and everybody still finds their way", async () => {
    const world = await openWorld(4);
    const before = await world.rows();
    const compactor = world.compactor();
    await compactor.compactOnce();
    expect(await compactor.collectGarbage()).toBe(0);
    expect(spans(await manifests(world, 8n, 16n))).toEqual([[8n, 12n], [12n, 16n]]);
    world.clock.advance(999);
    expect(await compactor.collectGarbage()).toBe(0);
    world.clock.advance(1);
    expect(await compactor.collectGarbage()).toBe(3);
    expect(await world.names("manifests")).toHaveLength(1);
    expect(await world.names("events")).toHaveLength(2);
    expect(await world.rows()).toEqual(before);
    expect(await world.reader().frontier()).toEqual({ "log-a": [16n] });
    expect(spans(await manifests(world, 0n, 16n))).toEqual([[0n, 12n], [12n, 16n]]);
    expect(spans(await manifests(world, 8n, 16n))).toEqual([[0n, 12n], [12n, 16n]]);
    expect(spans(await manifests(world, 12n, 16n))).toEqual([[12n, 16n]]);
    place(world, 1);
    await world.archive();
    expect(await world.reader().frontier()).toEqual({ "log-a": [20n] });
    expect((await world.rows()).length).toBe(20);
  });

  it("reads a single day from both kinds of files", async () => {
    const world = await openWorld(4);
    const before = await world.rows(undefined, ["2013-07-19"]);
    await world.compactor().compactOnce();
    expect(await world.rows(undefined, ["2013-07-19"])).toEqual(before);
  });

  it("a reader refuses to rely on an old look", async () => {
    const world = await openWorld(1);
    const reader = world.reader();
    expect(() => reader.relation(null)).toThrow(/check\(\) must be called before/);
    await reader.check(null);
    world.clock.advance(RELATION_VALID_MS);
    reader.relation(null);
    world.clock.advance(1);
    expect(() => reader.relation(null)).toThrow(/must have been called within 1800000 ms/);
  });

  it("looks once a minute, and what fails stands until it works", async () => {
    const world = await openWorld(4);
    const changes: string[] = [];
    let changed = Promise.withResolvers<void>();
    const problems = new Problems(world.clock, ({ code, message }, stands) => {
      changes.push(`${stands ? "+" : "-"} ${code}`);
      if (stands) expect(message).toContain("Cannot compact the archive");
      changed.resolve();
    });
    const compactor = world.compactor({ problems });
    const stop = new AbortController();
    const running = compactor.run(stop.signal);
    world.allowed = 0;
    world.clock.advance(60_000);
    await changed.promise;
    expect(await world.names("compacted_manifests")).toEqual([]);
    changed = Promise.withResolvers<void>();
    world.allowed = Infinity;
    await setImmediate();
    world.clock.advance(60_000);
    await changed.promise;
    expect(changes).toEqual(["+ compaction_failing", "- compaction_failing"]);
    expect((await world.names("compacted_manifests")).length).toBeGreaterThan(0);
    stop.abort();
    await running;
  });
});
