import { afterAll, beforeAll, describe, expect, it } from "testing";
import { join } from "node:path";
import { openArchiveReader } from "../../runtime/archive/archive_reader.ts";
import { Archiver } from "../../runtime/archive/archiver.ts";
import { openLocalStore } from "../../runtime/archive/local_store.ts";
import { createBatchLayer } from "../../runtime/batch/batch_layer.ts";
import { createDecoder } from "../../runtime/decode/decoder.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { batchPlugin, openWarehouse, readPublished } from "../support/batch_world.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import hourlyStats from "../../plugins/hourly_stats.ts";
import popularMovies from "../../plugins/popular_movies.ts";
import ratings from "../../plugins/ratings.ts";
import userStats from "../../plugins/user_stats.ts";

const sqlOf = (path: string) => Deno.readTextFile(new URL(`../../sql/${path}`, import.meta.url));

describe("the batch over the archive's Parquet files", () => {
  let dir: string;
  let warehouse: Warehouse;
  beforeAll(async () => {
    dir = await Deno.makeTempDir();
    warehouse = await openWarehouse();
  });
  afterAll(async () => {
    await warehouse.close();
    await Deno.remove(dir, { recursive: true });
  });

  it("gives the movie plugins' answers, in full and day by day", async () => {
    const store = await openLocalStore(join(dir, "archive"));
    const log = new MemoryLog({ topic: movieViewing.topic, id: "local-1", partitions: 2 });
    const clock = new ManualClock(1e12);
    const archiver = new Archiver({
      schema: movieViewing,
      log,
      store,
      clock,
      blockSize: 4,
      createDecoder: () => createDecoder(movieViewing),
    });
    const declared = [userStats, popularMovies, ratings, hourlyStats];
    const plugins = await Promise.all(
      declared.map(async (plugin) => batchPlugin(plugin, await sqlOf(plugin.batch.sql))),
    );
    const layer = createBatchLayer({
      schema: movieViewing,
      plugins,
      store,
      warehouse,
      clock,
      horizon: 100,
      archive: openArchiveReader({ schema: movieViewing, store }),
      settings: { memoryLimitBytes: 1e9 },
    });
    const place = (partition: number, id: string, timestamp: string, more = {}) =>
      log.place(partition, {
        value: JSON.stringify({
          event_id: id,
          user_id: 1,
          movie_id: 5,
          event_type: "view",
          timestamp,
          ...more,
        }),
      });
    place(0, "a", "2013-07-20T10:00:00.000000001Z", { duration: 2.5 });
    // The same instant with another offset of time: a repeat. Another nanosecond: none.
    place(0, "a", "2013-07-20T12:00:00.000000001+02:00", { movie_id: 6 });
    place(0, "a", "2013-07-20T10:00:00.000000002Z");
    place(0, "b", "2013-07-21T00:00:00Z", { event_type: "rating", rating: 9.25 });
    place(0, "open", "2013-07-20T10:00:00Z");
    await archiver.archiveClosed(0);
    const answers = async () => {
      const seen = await Promise.all(plugins.map((p) => readPublished(warehouse, p.tables)));
      return seen.map((rows) => rows!.all);
    };
    const first = (await layer.run())!;
    expect(first.plugins.map((part) => [part.status, part.mode, part.days, part.error]))
      .toEqual(plugins.map(() => ["published", "full", 2, ""]));
    expect(first.cut).toEqual({ "local-1": [4n] });
    expect(await answers()).toEqual([
      [{
        user_id: 1,
        total_events: 3,
        movies_watched: [5],
        avg_duration_sum: 2.5,
        avg_duration_count: 1,
      }],
      [{ movie_id: 5, view_count: 2 }],
      [{ movie_id: 5, rating_count: 1, rating_sum: 9.25 }],
      [{ event_type: "view", event_count: 2 }, { event_type: "rating", event_count: 1 }],
    ]);
    for (const id of ["c", "d", "a"]) place(1, id, "2013-07-20T10:00:00.000000001Z");
    place(1, "bad", "yesterday");
    await archiver.archiveClosed(1);
    const second = (await layer.run())!;
    expect(second.plugins.map((part) => [part.mode, part.days, part.unseenRepeats]))
      .toEqual(plugins.map(() => ["incremental", 1, 1]));
    const [[user]] = await answers();
    expect(user).toMatchObject({ total_events: 5, movies_watched: [5] });
    const incremental = await answers();
    await layer.run({ full: true });
    expect(await answers()).toEqual(incremental);
  });
});
