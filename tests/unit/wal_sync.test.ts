import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers";
import { afterEach, beforeEach, describe, expect, it } from "testing";
import { LogFailedError } from "../../runtime/std/errors.ts";
import { AppendBuffer } from "../../runtime/log/append_buffer.ts";
import { openSqliteLog } from "../../runtime/log/sqlite_log.ts";
import { failSyncs } from "../support/failing_sync.ts";
import { readValues, records } from "../support/log_reading.ts";

const MIB = 1024 * 1024;
const clock = { now: () => Date.UTC(2026, 0, 1) };

describe("WalSync", () => {
  let folder: string, path: string;
  const open = (of = path) => openSqliteLog({ path: of, topic: "views", partitions: 1, clock });

  beforeEach(async () => {
    folder = await Deno.makeTempDir();
    path = join(folder, "log.db");
  });
  afterEach(() => Deno.remove(folder, { recursive: true }));

  function mebibyte(fill: number): AppendBuffer {
    const buffer = new AppendBuffer();
    buffer.add("k", new Uint8Array(MIB).fill(fill));
    return buffer;
  }

  it("moves what is committed into the file, so that the write-ahead log stays small", async () => {
    const log = open();
    for (let i = 0; i < 30; i++) await log.append(mebibyte(i));
    await log.close();
    const again = open();
    for (let i = 30; i < 60; i++) await again.append(mebibyte(i));
    expect((await Deno.stat(`${path}-wal`)).size).toBeLessThan(12 * MIB);
    expect((await Deno.stat(path)).size).toBeGreaterThan(40 * MIB);
    // As the files lie when the process is killed.
    for (const end of ["", "-wal"]) await Deno.copyFile(path + end, join(folder, `copy.db${end}`));
    const copy = open(join(folder, "copy.db"));
    expect((await readValues(copy, 0)).map((value) => value.charCodeAt(0)))
      .toEqual(Array.from({ length: 60 }, (_, i) => i));
    await copy.close();
    await again.close();
  });

  it("keeps the order in which a power cut finds the log or the file whole", async () => {
    const steps: string[] = [];
    const undo = record(steps);
    try {
      const log = open();
      steps.length = 0;
      // Several at once: the next ones wait while a checkpoint is under way.
      await Promise.all(Array.from({ length: 24 }, async (_, i) => {
        for (let turn = 0; turn < 3; turn++) await log.append(mebibyte(i));
      }));
      await log.append(mebibyte(0));
      const text = steps.join("\n");
      await log.close();
      // All that was committed is synced, then moved; the file is synced before the log is emptied,
      // and nothing is committed before that is on the disk.
      const whole = ["log synced", "moved", "file synced", "emptied", "log synced"];
      expect(text.split("moved").length - 1).toBeGreaterThan(2);
      expect(text.split(whole.join("\n")).length).toBe(text.split("moved").length);
    } finally {
      undo();
    }
  });

  it("takes nothing more after a failed sync, reads on, and takes events once opened again", async () => {
    const syncs = failSyncs();
    try {
      const failures: string[] = [];
      const log = openSqliteLog({
        path,
        topic: "views",
        partitions: 1,
        clock,
        onFailed: ({ message }) => failures.push(message),
      });
      await log.append(records(["k", "1"]));
      syncs.arm();
      const first = log.append(records(["k", "2"]));
      // Committed while the sync that fails is under way: its own would succeed.
      const second = new Promise((resolve) => setImmediate(resolve))
        .then(() => log.append(records(["k", "3"])));
      const refused: PromiseSettledResult<unknown>[] = await Promise.allSettled([first, second]);
      refused.push(...await Promise.allSettled([log.appendTick(0)]));
      expect(refused.map((of) => of.status === "rejected" && of.reason instanceof LogFailedError))
        .toEqual([true, true, true]);
      await log.trim(0, 1n); // a hint, which is not followed
      expect(failures).toEqual([expect.stringMatching(/"views" takes no more events.*os error 5/)]);
      expect(await readValues(log, 0)).toEqual(["1"]);
      await log.close();
      const again = open();
      expect(await readValues(again, 0)).toContain("1");
      await again.append(records(["k", "4"]));
      expect((await readValues(again, 0)).at(-1)).toBe("4");
      await again.close();
    } finally {
      syncs.undo();
    }
  });
});

/** Records what is done to the files, in the order in which it ends. @returns how to stop. */
function record(steps: string[]): () => void {
  const { openSync } = Deno;
  const { prepare } = DatabaseSync.prototype;
  Deno.openSync = (path, options) => {
    const file = openSync(path, options);
    const what = String(path).endsWith("-wal") ? "log synced" : "file synced";
    const syncData = file.syncData.bind(file);
    file.syncData = async () => {
      const committed = steps.length;
      await syncData();
      // A sync that a commit overtook has not put that one on the disk.
      const covers = !steps.slice(committed).includes("committed");
      steps.push(covers ? what : `${what} in part`);
    };
    return file;
  };
  DatabaseSync.prototype.prepare = function (sql: string) {
    if (sql === "COMMIT") steps.push("committed");
    if (sql.includes("PASSIVE")) steps.push("moved");
    if (sql.includes("TRUNCATE")) steps.push("emptied");
    return prepare.call(this, sql);
  };
  return () => {
    Deno.openSync = openSync;
    DatabaseSync.prototype.prepare = prepare;
  };
}
