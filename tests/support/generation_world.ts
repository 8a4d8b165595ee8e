/** Generations of one metric over a real warehouse, with a log and a speed layer that a test sets. */
import { Generations } from "../../runtime/engine/generations.ts";
import type { TopicRuntime } from "../../runtime/engine/topic_runtime.ts";
import { defineSchema, instant, string, uint32 } from "../../runtime/events.ts";
import { definePlugin } from "../../runtime/define_plugin.ts";
import type { Cut } from "../../runtime/model/frontier.ts";
import { count } from "../../runtime/plugin.ts";
import type { Warehouse } from "../../runtime/ports/ports.ts";
import { Problems } from "../../runtime/model/problems.ts";
import { PublishedRuns } from "../../runtime/serving/published_runs.ts";
import {
  BatchLevel,
  createBatchTable,
  createSpeedTable,
  type PluginTables,
  SpeedKind,
  tablesOf,
} from "../../runtime/sql/tables.ts";
import { memoryStore } from "./batch_world.ts";
import { ManualClock } from "./manual_clock.ts";

export const LOG = "log-1";
/** What the ledger of its topic is made with. */
export const LEDGER = {
  topic: "visits",
  schemaVersion: 1,
  decoderVersion: 1,
  blockSize: 100,
  horizon: 1,
  lateAfterMs: 0,
};
/** The relation that shows the merged layer. */
export const MERGED = "merged_visits";
export const BATCH = "batch_visits";

const pages = defineSchema({
  topic: "visits",
  version: 1,
  summary: "",
  eventId: "id",
  eventTime: "at",
  partitionKey: "id",
  fields: { id: string(), at: instant(), page: uint32() },
});

export const visits = definePlugin(pages, {
  name: "visits",
  summary: "Visits",
  key: ({ page }) => ({ page }),
  measures: () => ({ n: count() }),
});

/** How far the speed rows of the loaded generation are, of one partition. */
export interface Reach {
  readonly start: bigint;
  readonly frontier: bigint;
}

/** A process with the code of one generation. */
export interface WorldProcess {
  readonly generations: Generations;
  readonly problems: Problems;
  /** Moves its speed rows. */
  reach: Reach;
  /** Whether it knows from where on its rows go. */
  begun: boolean;
  /** Called when its rows in memory are asked to be written. Default: there are none. */
  fresh: () => void;
  /** What a reader saw in the moment in which the code took its place. */
  atOnce: {
    readonly frozen: boolean;
    readonly rebuilding: number | null;
    readonly codes: readonly string[];
  } | null;
}

/** One warehouse and one store for any number of processes. */
export class GenerationWorld {
  readonly store = memoryStore();
  readonly clock = new ManualClock(Date.UTC(2026, 0, 5));
  /** The end of the log. */
  end = 200n;
  /** How far the archive is, by log. */
  archived: Cut = {};
  readonly #create: typeof Generations;

  /**
   * @param warehouse with the tables of the migrations.
   * @param create the class under test. Default: the project's.
   */
  constructor(readonly warehouse: Warehouse, create = Generations) {
    this.#create = create;
  }

  tables(generation: string): PluginTables {
    return tablesOf(visits, generation);
  }

  /** Starts a process with the code of a generation. */
  async start(
    generation: string,
    reach: Reach,
    { shared = false, claims = true, begun = true, alone = false } = {},
  ): Promise<WorldProcess> {
    const tables = this.tables(generation);
    const { warehouse, store, clock } = this;
    await warehouse.command(createBatchTable(tables));
    await warehouse.command(createSpeedTable(tables, LOG));
    const problems = new Problems(clock);
    const process = { problems, reach, begun, fresh: () => {}, atOnce: null } as {
      -readonly [K in keyof WorldProcess]: WorldProcess[K];
    };
    const topic = {
      schema: visits.source,
      plugins: [tables],
      log: {
        id: LOG,
        topic: "visits",
        partitionCount: () => 1,
        bounds: () => Promise.resolve({ start: 0n, end: this.end }),
      },
      ledger: LEDGER,
      membership: { shared },
      speed: {
        begun: () => process.begun,
        fresh: () => Promise.resolve(process.fresh()),
        start: () => ({ [LOG]: [process.reach.start] }),
        frontier: () => ({ [LOG]: [process.reach.frontier] }),
      },
      batch: { ended: 0 },
      archive: { frontier: () => Promise.resolve(this.archived) },
      replace(_removed: unknown, _added: unknown, swapped: () => void) {
        swapped();
        const { frozenAt, rebuilding } = process.generations.served("visits")!;
        const codes = problems.standing().map(({ code }) => code);
        process.atOnce = { frozen: frozenAt !== null, rebuilding, codes };
        return Promise.resolve();
      },
    } as unknown as TopicRuntime;
    const published = new PublishedRuns({ warehouse, clock });
    process.generations = new this.#create({
      warehouse,
      store,
      clock,
      published,
      problems,
      claims,
      alone,
    });
    const added = [{ tables, batchSql: "" }];
    await process.generations.change({
      topics: new Map([[topic, { removed: [], added }]]),
      refused: new Map(),
    });
    return process;
  }

  /** Writes speed rows of a generation: one of \`n\` events in the first block, up to an offset. */
  async flush(generation: string, n: number, block: number, frontier: number): Promise<void> {
    const table = this.tables(generation).speed(LOG);
    await this.warehouse.command(
      `INSERT INTO ${table} (kind, partition, block, window_start, page, n, version) VALUES
      (${SpeedKind.row}, 0, ${block}, '2026-01-05 00:00:00', 7, ${n}, ${frontier}),
      (${SpeedKind.frontier}, 0, ${block}, '1970-01-01 00:00:00', 0, 0, ${frontier})`,
    );
  }

  /** Publishes a run of a generation with a total; its cut may name other logs, too. */
  async publish(
    generation: string,
    run: number,
    n: number,
    end: number,
    others: Readonly<Record<string, number>> = {},
  ): Promise<void> {
    const cut = Object.entries({ [LOG]: end, ...others }).map(([log, at]) => `'${log}': [${at}]`);
    const { batch } = this.tables(generation);
    await this.warehouse.command(
      `INSERT INTO ${batch} (level, run, page, n, day_rows, full_run, cut) VALUES
      (${BatchLevel.all}, ${run}, 7, ${n}, 1, ${run}, {}),
      (${BatchLevel.pointer}, ${run}, 0, 0, 0, ${run}, {${cut}})`,
    );
  }

  /** The total that a relation shows. */
  async total(relation: string): Promise<number> {
    const [row] = await this.warehouse.query<{ n: number }>(
      `SELECT sum(n) AS n FROM ${relation}`,
    );
    return Number(row.n);
  }
}

/** The generation that answers in a process. */
export const answering = ({ generations }: WorldProcess): string =>
  generations.served("visits")!.tables.generation;
