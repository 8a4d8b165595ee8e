import { join } from "node:path";
import { openSqliteLog } from "../../runtime/log/sqlite_log.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { eventLogSuite } from "./event_log_suite.ts";

eventLogSuite("SQLite file", (partitions) => {
  let nowMs = 1;
  const folder = Deno.makeTempDirSync();
  return {
    partitions,
    setNow: (ms) => nowMs = ms,
    open: () =>
      openSqliteLog({
        path: join(folder, "log.db"),
        topic: "views",
        partitions,
        clock: { now: () => nowMs },
      }),
    dispose: () => Deno.remove(folder, { recursive: true }),
  };
});

eventLogSuite("memory", (partitions) => {
  const log = new MemoryLog({ partitions });
  return { partitions, setNow: (ms) => log.nowMs = ms, open: () => log };
});
