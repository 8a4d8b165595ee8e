/** A world in which a run can be compared: an archive, and a speed layer that has read it. */
import type { BatchPlugin } from "../../runtime/batch/plugin_step.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import type { BatchLayer, BatchRun, WholeWindows } from "../../runtime/ports/services.ts";
import { createSpeedTable } from "../../runtime/sql/tables.ts";
import { type ArchivedEvent, event, LOG } from "./batch_events.ts";
import { BatchWorld } from "./batch_world.ts";

/** Creates a batch layer; a mutant brings its own. */
export type CreateBatchLayer = Parameters<BatchWorld["layer"]>[2];

/** An archive and, per plugin of the users' measures, the rows of a speed layer. */
export class DriftWorld {
  readonly world: BatchWorld;
  /** Which windows of the speed rows are whole. */
  whole: WholeWindows = { fromMs: null, untilMs: null };

  private constructor(world: BatchWorld) {
    this.world = world;
  }

  static async open(warehouse: Warehouse): Promise<DriftWorld> {
    return new DriftWorld(await BatchWorld.open(warehouse));
  }

  /** Archives one block of a partition. */
  async append(events: readonly Partial<ArchivedEvent>[], partition = 0): Promise<void> {
    await this.world.append(LOG, partition, events.map(event));
  }

  /**
   * Lets the speed layer of a plugin with the measures of the users read all that is archived: each
   * identity once per partition.
   */
  async speedReads({ tables }: BatchPlugin): Promise<void> {
    const { warehouse } = this.world;
    const speed = tables.speed(LOG);
    await warehouse.command(createSpeedTable(tables, LOG));
    await warehouse.command(`TRUNCATE TABLE ${speed}`);
    await warehouse.command(`INSERT INTO ${speed} (kind, partition, block, window_start, user_id,
  plays, watched, shortest, longest, mean_sum, mean_count, movies, version)
SELECT 0, partition, 0, toStartOfInterval(event_time, INTERVAL 10 SECOND), user_id, count(),
  ifNull(sum(duration), 0), min(duration), max(duration), ifNull(sum(duration), 0), count(duration),
  groupUniqArray(movie_id), max(offset) + 1
FROM (
  SELECT * FROM ${this.world.archive().relation(null)}
  ORDER BY partition, offset LIMIT 1 BY partition, id, event_time
)
GROUP BY partition, toStartOfInterval(event_time, INTERVAL 10 SECOND), user_id`);
    for (const [partition, end] of (this.world.cut()[LOG] ?? []).entries()) {
      await warehouse.command(`INSERT INTO ${speed} (kind, partition, block, version)
VALUES (1, ${partition}, 0, ${end})`);
    }
  }

  layer(
    plugins: readonly BatchPlugin[],
    more: Parameters<BatchWorld["layer"]>[1] = {},
    create?: CreateBatchLayer,
  ): BatchLayer {
    return this.world.layer(plugins, {
      currentLogId: () => LOG,
      wholeWindows: () => Promise.resolve(this.whole),
      ...more,
    }, create);
  }

  /** Archives events, lets the speed layers read them and runs the batch. */
  async run(
    layer: BatchLayer,
    plugins: readonly BatchPlugin[],
    events: readonly Partial<ArchivedEvent>[] = [],
    options: { full?: boolean } = {},
  ): Promise<BatchRun> {
    if (events.length > 0) await this.append(events);
    for (const plugin of plugins) await this.speedReads(plugin);
    return (await layer.run(options))!;
  }
}
