import { afterAll, beforeAll, describe, expect, it } from "testing";
import { join } from "node:path";
import { openArchivedRecords } from "../../runtime/archive/archived_records.ts";
import { openArchiveReader } from "../../runtime/archive/archive_reader.ts";
import { Compactor } from "../../runtime/archive/compactor.ts";
import { Archiver } from "../../runtime/archive/archiver.ts";
import { FileChecks } from "../../runtime/archive/file_checks.ts";
import { openLocalStore } from "../../runtime/archive/local_store.ts";
import { createBatchLayer } from "../../runtime/batch/batch_layer.ts";
import { allocateColumns } from "../../runtime/model/columns.ts";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import { createVerification } from "../../runtime/engine/verification.ts";
import { hashIdentity } from "../../runtime/decode/identity.ts";
import type { ArchiveFile, ObjectStore, Warehouse } from "../../runtime/ports/ports.ts";
import { Problems } from "../../runtime/model/problems.ts";
import { batchPlugin, openWarehouse, readPublished } from "../support/batch_world.ts";
import { withoutTables } from "../support/damage_world.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import ratings from "../../plugins/ratings.ts";

const { topic } = movieViewing;
const EVENTS = 12;
const batchSql = await Deno.readTextFile(
  new URL(`../../sql/${ratings.batch.sql}`, import.meta.url),
);

describe("A damaged archive", () => {
  let dir: string;
  let warehouse: Warehouse;
  let cases = 0;
  beforeAll(async () => {
    dir = await Deno.makeTempDir();
    warehouse = await openWarehouse();
  });
  afterAll(async () => {
    await warehouse.close();
    await Deno.remove(dir, { recursive: true });
  });

  /** An archive of three blocks over two days, with a batch layer that begins anew at each `run`. */
  const openWorld = async () => {
    const store = await openLocalStore(join(dir, `archive${++cases}`));
    const clock = new ManualClock(1e12);
    const problems = new Problems(clock);
    const log = new MemoryLog({ topic, id: "local-1", partitions: 1 });
    for (let i = 0; i < EVENTS; i++) {
      const timestamp = `2013-07-${20 + i % 2}T10:00:00Z`;
      log.place(0, {
        value: JSON.stringify({
          event_id: `e${i}`,
          user_id: 1,
          movie_id: 5,
          event_type: "rating",
          rating: 7,
          timestamp,
        }),
      });
    }
    const archive = async () => {
      const archiver = new Archiver({
        schema: movieViewing,
        log,
        store,
        clock,
        blockSize: 4,
        createDecoder: () => createDecoder(movieViewing),
      });
      await archiver.archiveClosed(0);
    };
    await archive();
    const plugin = batchPlugin(ratings as never, batchSql, cases);
    const checks = () => new FileChecks({ topic, store, problems });
    return {
      store,
      problems,
      clock,
      archive,
      checks,
      verification: () =>
        createVerification({
          topics: [{ topic, log, checks: checks(), ...withoutTables }],
          warehouse: { ...warehouse, query: () => Promise.resolve([]) },
          store,
          clock,
          problems,
          ownLogs: false,
          scrubBytesPerSecond: 0,
          isOurTurn: () => true,
        }),
      compact: () =>
        new Compactor({
          schema: movieViewing,
          store,
          warehouse,
          clock,
          minManifests: 2,
        }).compactOnce(),
      files: await openArchiveReader({ schema: movieViewing, store, clock }).check(null),
      /** Runs the batch as a new process would; the ratings that are published then, or the error. */
      run: async (over: Warehouse = warehouse, held = checks()) => {
        const layer = createBatchLayer({
          schema: movieViewing,
          plugins: [plugin],
          store,
          warehouse: over,
          clock,
          horizon: 100,
          archive: openArchiveReader({ schema: movieViewing, store, clock, checks: held }),
          settings: { memoryLimitBytes: 1e9 },
        });
        const error = await layer.run({ full: true }).then(
          (run) => run!.plugins[0].error,
          (error: Error) => error.message,
        );
        const published = await readPublished(warehouse, plugin.tables);
        return { error, count: published?.all[0]?.rating_count ?? null };
      },
      readBack: async () => {
        const records = openArchivedRecords({
          schema: movieViewing,
          store,
          warehouse,
          logId: "local-1",
          hashIdentity,
          checks: checks(),
        });
        const columns = allocateColumns(movieViewing, 100);
        await records.read(0, 0n, 12n, columns);
        return columns.count;
      },
    };
  };

  const bytesOf = async (store: ObjectStore, { name }: { name: string }) =>
    (await store.get(name))!;
  const subjects = (problems: Problems) => problems.standing().map(({ subject }) => subject);

  const damages: [string, (store: ObjectStore, files: readonly ArchiveFile[]) => Promise<void>][] =
    [
      ["is missing", (store, [file]) => store.remove(file.name)],
      ["has a flipped bit", async (store, [file]) => {
        const bytes = await bytesOf(store, file);
        bytes[bytes.length >> 1] ^= 1;
        await store.put(file.name, bytes);
      }],
      ["was cut", async (store, [file]) => {
        await store.put(file.name, (await bytesOf(store, file)).slice(0, -1));
      }],
      ["was replaced by that of another block", async (store, [file, other]) => {
        await store.put(file.name, await bytesOf(store, other));
      }],
    ];

  it.each(damages)("refuses a run when a file %s, and names it", async (_how, damage) => {
    const { store, files, problems, run, readBack } = await openWorld();
    expect(await run()).toEqual({ error: "", count: EVENTS });
    const right = await bytesOf(store, files[0]);
    await damage(store, files);
    const { error, count } = await run();
    expect(error).toContain(files[0].name);
    expect(count).toBe(EVENTS);
    await expect(readBack()).rejects.toThrow(files[0].name);
    expect(subjects(problems)).toEqual([files[0].name]);
    expect(problems.standing()[0]).toMatchObject({ code: "archive_damaged", topic });
    await store.put(files[0].name, right);
    expect(await run()).toEqual({ error: "", count: EVENTS });
    expect(subjects(problems)).toEqual([]);
    expect(await readBack()).toBe(EVENTS);
  });

  it("names a file that was damaged after this process had hashed it", async () => {
    const { store, files, problems, run, checks } = await openWorld();
    const process = checks();
    expect(await run(warehouse, process)).toEqual({ error: "", count: EVENTS });
    const right = await bytesOf(store, files[0]);
    const damaged = right.slice().fill(0, right.length >> 2, right.length >> 1);
    await store.put(files[0].name, damaged);
    for (let i = 0; i < 2; i++) {
      expect((await run(warehouse, process)).error).toMatch(
        new RegExp(`^"${files[0].name}" is damaged: its bytes do not have the hash`),
      );
      expect(problems.standing().map(({ code, subject }) => [code, subject])).toEqual([
        ["archive_damaged", files[0].name],
      ]);
    }
    await store.put(files[0].name, right);
    expect(await run(warehouse, process)).toEqual({ error: "", count: EVENTS });
    expect(subjects(problems)).toEqual([]);
  });

  it("refuses a run when a manifest has a flipped bit", async () => {
    const { store, problems, run, readBack } = await openWorld();
    let name = "";
    for await (const object of store.list(`${topic}/manifests/`)) name = object.name;
    const right = await bytesOf(store, { name });
    const bytes = right.slice();
    bytes[bytes.length >> 1] ^= 1;
    await store.put(name, bytes);
    expect((await run()).error).toContain(name);
    await expect(readBack()).rejects.toThrow(name);
    expect(subjects(problems)).toEqual([name]);
    await store.put(name, right);
    expect(await run()).toEqual({ error: "", count: EVENTS });
    expect(subjects(problems)).toEqual([]);
  });

  it("does not count a file that no manifest lists", async () => {
    const { store, files, run, readBack } = await openWorld();
    const bytes = await bytesOf(store, files[0]);
    const day = files[0].name.slice(0, files[0].name.lastIndexOf("/"));
    await store.put(`${day}/added.parquet`, bytes);
    // The name of a block that is archived, in the folder of a day that it has no events of.
    await store.put(files[0].name.replace(/dt=[^/]*/, "dt=2013-07-22"), bytes);
    await store.put(files[0].name.replace("/events/", "/compacted/"), bytes);
    expect(await run()).toEqual({ error: "", count: EVENTS });
    expect(await readBack()).toBe(EVENTS);
  });

  it("goes on without a file whose loss an operator has accepted", async () => {
    const { store, files, problems, run, readBack, verification, compact } = await openWorld();
    const [lost] = files;
    const damage = { object: lost.name, reason: "no copy is left", by: "ops" };
    await expect(verification().accept(damage)).rejects.toThrow(/is what was written/);
    await store.remove(lost.name);
    expect((await run()).error).toContain(lost.name);
    expect(await verification().accept(damage)).toMatchObject({ ...damage, rows: lost.rows });
    expect(subjects(problems)).toEqual([]);
    expect(await run()).toEqual({ error: "", count: EVENTS - lost.rows });
    expect(await readBack()).toBe(EVENTS - lost.rows);
    expect(await verification().verify()).toMatchObject({
      ok: true,
      findings: [],
      accepted: [{ object: lost.name }],
    });
    expect(await compact()).toBe(1);
    expect(await run()).toEqual({ error: "", count: EVENTS - lost.rows });
    expect(await readBack()).toBe(EVENTS - lost.rows);
    const unknown = { ...damage, object: `${topic}/events/none.parquet` };
    await expect(verification().accept(unknown)).rejects.toThrow(/no manifest lists/);
  });

  it("archives a block again whose manifest was removed", async () => {
    const { store, files, run, archive } = await openWorld();
    const right = await bytesOf(store, files[0]);
    await store.remove(files[0].name);
    for await (const { name } of store.list(`${topic}/manifests/`)) {
      if (name.endsWith(files[0].name.slice(-49, -".parquet".length) + ".json")) {
        await store.remove(name);
      }
    }
    await archive();
    expect(await bytesOf(store, files[0])).toEqual(right);
    expect(await run()).toEqual({ error: "", count: EVENTS });
  });

  it("does not publish when a file goes while its rows are read", async () => {
    const { store, files, problems, run } = await openWorld();
    const right = await bytesOf(store, files[0]);
    const losing: Warehouse = {
      ...methodsOf(warehouse),
      async command(sql, options) {
        if (sql.includes("WITH events AS")) await store.remove(files[0].name);
        await warehouse.command(sql, options);
      },
    };
    const { error, count } = await run(losing);
    expect(error).toContain(files[0].name);
    expect(count).toBe(null);
    await store.put(files[0].name, right);
    expect(await run()).toEqual({ error: "", count: EVENTS });
    expect(subjects(problems)).toEqual([]);
  });
});

/** A warehouse's methods as members of a plain object. */
function methodsOf(warehouse: Warehouse): Warehouse {
  return {
    database: warehouse.database,
    cluster: null,
    query: (...args) => warehouse.query(...args),
    stream: (...args) => warehouse.stream(...args),
    command: (...args) => warehouse.command(...args),
    insert: (...args) => warehouse.insert(...args),
    apart: (...args) => warehouse.apart(...args),
    close: () => warehouse.close(),
  };
}
