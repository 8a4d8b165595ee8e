import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "testing";
import { DamagedError, ExternalError, UserError } from "../../runtime/std/errors.ts";
import { AppendBuffer } from "../../runtime/log/append_buffer.ts";
import { openSqliteLog, type SqliteLogOptions } from "../../runtime/log/sqlite_log.ts";
import { readAll, readValues, records } from "../support/log_reading.ts";

const MIB = 1024 * 1024;

describe("SQLite log", () => {
  let folder: string, path: string, nowMs: number;
  const open = (options: Partial<SqliteLogOptions> = {}) =>
    openSqliteLog({ path, topic: "views", clock: { now: () => nowMs }, ...options });

  beforeEach(async () => {
    folder = await Deno.makeTempDir();
    path = join(folder, "log.db");
    nowMs = Date.UTC(2026, 0, 1);
  });
  afterEach(() => Deno.remove(folder, { recursive: true }));

  function megabytes(count: number): AppendBuffer {
    const buffer = new AppendBuffer();
    for (let i = 0; i < count; i++) buffer.add("k", new Uint8Array(MIB - 100).fill(i));
    return buffer;
  }

  it("opening again finds identity, partitions, records and the last append time", async () => {
    const first = open({ partitions: 2 });
    await first.append(records(["a", "1"], ["b", "2"], ["c", "3"]));
    const before = [await readAll(first, 0), await readAll(first, 1)];
    await first.close();
    nowMs -= 60_000;
    const again = open();
    expect([again.id, again.partitionCount()]).toEqual([first.id, 2]);
    expect([await readAll(again, 0), await readAll(again, 1)]).toEqual(before);
    await again.append(records(["a", "4"], ["b", "5"], ["c", "6"]));
    for (const p of [0, 1]) {
      for (const { appendMs } of await readAll(again, p)) expect(appendMs).toBe(nowMs + 60_000);
    }
    await again.close();
  });

  it("a file made again has another identity, which sorts behind the first", async () => {
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) {
      const log = open({ path: join(folder, `${i}.db`), region: "eu-1" });
      ids.push(log.id);
      await log.close();
      nowMs += 1;
    }
    expect(ids).toEqual([...new Set(ids)].sort());
    expect(ids[0]).toMatch(/^eu-1-[0-9a-z-]+$/);
  });

  it("partitions may grow, start at 0, and never shrink", async () => {
    await open({ partitions: 1 }).close();
    const grown = open({ partitions: 3 });
    expect(await grown.bounds(2)).toEqual({ start: 0n, end: 0n });
    await grown.appendTick(2);
    await grown.close();
    expect(() => open({ partitions: 2 })).toThrow(UserError);
    const again = open();
    expect((await again.bounds(2)).end).toBe(1n);
    await again.close();
  });

  it("a file of a newer format, of another topic, region or program is refused", async () => {
    await open().close();
    expect(() => open({ topic: "other" })).toThrow(/topic is "views", got "other"/);
    expect(() => open({ region: "eu" })).toThrow(/region is "local", got "eu"/);
    const newer = new DatabaseSync(path);
    newer.exec("PRAGMA user_version = 2");
    newer.close();
    expect(() => open()).toThrow(/format must be at most 1, got 2/);
    const foreign = new DatabaseSync(join(folder, "foreign.db"));
    foreign.exec("CREATE TABLE t (a)");
    foreign.close();
    expect(() => open({ path: join(folder, "foreign.db") })).toThrow(UserError);
    await Deno.writeTextFile(join(folder, "text.db"), "not a database at all".repeat(100));
    expect(() => open({ path: join(folder, "text.db") })).toThrow(UserError);
    expect(() => open({ path: join(folder, "no", "folder.db") })).toThrow(ExternalError);
  });

  it("a file in use is refused, and free again after close()", async () => {
    const log = open();
    expect(() => open()).toThrow(/holds it/);
    await log.append(records(["a", "1"]));
    await log.close();
    await open().close();
  });

  it("options that cannot be are refused", () => {
    expect(() => open({ partitions: 0 })).toThrow(RangeError);
    expect(() => open({ partitions: 1.5 })).toThrow(RangeError);
    expect(() => open({ region: "EU_1" })).toThrow(TypeError);
  });

  it("a full disk rejects all of the commit, takes no offset, and appends recover", async () => {
    const log = open({ partitions: 1, maxFileBytes: 6 * MIB });
    await log.append(megabytes(3));
    const small = records(["k", "small"]), large = megabytes(5);
    const results = await Promise.allSettled([log.append(small), log.append(large)]);
    for (const result of results) {
      expect(result.status).toBe("rejected");
      const { reason } = result as PromiseRejectedResult;
      expect(reason).toBeInstanceOf(ExternalError);
      expect(reason.retriable).toBe(true);
      expect(reason.message).toMatch(/full/);
    }
    expect((await log.bounds(0)).end).toBe(3n);
    expect(await log.append(small)).toEqual([4n]);
    await expect(log.append(large)).rejects.toThrow(ExternalError);
    await log.trim(0, 4n);
    expect(await log.append(large)).toEqual([9n]);
    await log.close();
    const again = open();
    const sizes = (await readAll(again, 0)).map((r) => r.value.length);
    expect([(await again.bounds(0)).start, sizes.length]).toEqual([4n, 5]);
    await again.close();
  });

  it("trim() forgets stored chunks wholly below, for good, and remembers the end", async () => {
    const log = open({ partitions: 1 });
    for (let i = 0; i < 4; i++) await log.append(records(["k", "a"], ["k", "b"], ["k", "c"]));
    await log.trim(0, 8n);
    expect(await log.bounds(0)).toEqual({ start: 6n, end: 12n });
    await log.close();
    const again = open();
    expect(await again.bounds(0)).toEqual({ start: 6n, end: 12n });
    await again.trim(0, 100n);
    expect(await again.bounds(0)).toEqual({ start: 12n, end: 12n });
    await again.close();
    nowMs -= 1000;
    const empty = open();
    expect(await empty.bounds(0)).toEqual({ start: 12n, end: 12n });
    expect(await empty.append(records(["k", "d"]))).toEqual([13n]);
    expect((await readAll(empty, 0))[0].appendMs).toBe(nowMs + 1000);
    await empty.close();
  });

  it("trim() gives the space back to the disk", async () => {
    const log = open({ partitions: 1 });
    await log.append(megabytes(24));
    await log.trim(0, 24n);
    await log.close();
    expect((await Deno.stat(path)).size).toBeLessThan(10 * MIB);
  });

  it("a large append is stored in several chunks and read as it was written", async () => {
    const log = open({ partitions: 1 });
    const values = Array.from({ length: 30_000 }, (_, i) => `value ${i}`);
    const next = await log.append(records(...values.map((value) => ["k", value] as const)));
    expect(next).toEqual([30_000n]);
    expect(await readValues(log, 0)).toEqual(values);
    expect((await readAll(log, 0, 12_345n, { maxRecords: 777 })).map((r) => r.value))
      .toEqual(values.slice(12_345));
    await log.trim(0, 20_000n);
    const { start } = await log.bounds(0);
    expect(start > 0n && start <= 20_000n).toBe(true);
    await log.close();
  });

  it("close() waits for pending commits, wakes waiting readers, and may be called twice", async () => {
    const log = open({ partitions: 1 });
    const appended = log.append(records(["k", "1"]));
    const waiting = log.changed(0, 1n, new AbortController().signal);
    await Promise.all([log.close(), log.close(), waiting]);
    expect(await appended).toEqual([1n]);
    await expect(log.append(records(["k", "2"]))).rejects.toThrow(/closed/);
    await expect(log.read(0, 0n)).rejects.toThrow(/closed/);
    const again = open();
    expect(await readValues(again, 0)).toEqual(["1"]);
    await again.close();
  });

  it("a damaged chunk is reported with its place", async () => {
    const log = open({ partitions: 1 });
    await log.append(records(["k", "1"], ["k", "2"]));
    await log.close();
    const database = new DatabaseSync(path);
    database.exec("UPDATE chunk SET records = x'00000000'");
    database.close();
    const again = open();
    const error = await again.read(0, 1n).then(() => null, (reason) => reason);
    expect(error.message).toMatch(/damaged/);
    expect([error.partition, error.offset, error.retriable]).toEqual([0, 0n, false]);
    await again.close();
  });

  describe("a chunk that is not what was written", () => {
    /** A log of three chunks of one record, changed by `sql`, and the error of reading it all. */
    const readAfter = async (sql: string) => {
      const log = open({ partitions: 1 });
      for (const value of ["1", "2", "3"]) await log.append(records(["k", value]));
      await log.close();
      const database = new DatabaseSync(path);
      database.exec(sql);
      database.close();
      const again = open();
      try {
        return await readValues(again, 0).catch((error) => error);
      } finally {
        await again.close();
      }
    };

    it.each([
      [
        "a value with a flipped bit",
        "SET records = CAST(x'33000000' || substr(records, 5) AS BLOB)",
      ],
      ["another append time", "SET append_ms = append_ms + 1"],
      ["another kind", "SET kind = 1"],
      ["another's values", "SET (records, checksum) = (SELECT records, checksum FROM chunk)"],
    ])("is found: %s", async (_what, change) => {
      const error = await readAfter(`UPDATE chunk ${change} WHERE first_offset = 1`);
      expect(error).toBeInstanceOf(DamagedError);
      expect(error).toMatchObject({ object: "log/views.sqlite", partition: 0, offset: 1n });
    });

    it("is found when it is missing", async () => {
      const error = await readAfter("DELETE FROM chunk WHERE first_offset = 1");
      expect(error).toMatchObject({ object: "log/views.sqlite", partition: 0, offset: 1n });
    });

    it("is taken as it is when an earlier build wrote it, without a checksum", async () => {
      expect(await readAfter("ALTER TABLE chunk DROP COLUMN checksum")).toEqual(["1", "2", "3"]);
    });
  });
});
