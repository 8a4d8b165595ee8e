/** Both layers of a plugin over a few events, in the embedded engine. */
import { join } from "node:path";
import process from "node:process";
import { dayName } from "../archive/archive_names.ts";
import { eventColumns, structureOf } from "../archive/archive_relation.ts";
import { BlockRows, rowsByDay } from "../archive/block_rows.ts";
import { emptySql, sqlText } from "../std/sql_text.ts";
import { encodeEvents } from "../archive/parquet_block.ts";
import { comparisonSql, Side } from "../batch/comparison_sql.ts";
import { grainRowsSql } from "../batch/events_sql.ts";
import { createDecoder } from "../decode/decoder.ts";
import type { EventSchema } from "../events.ts";
import { BlockWalk } from "../model/blocks.ts";
import { allocateColumns, type Columns } from "../model/columns.ts";
import { grainSeconds, type Plugin } from "../plugin.ts";
import type { StatementOptions, Warehouse } from "../ports/ports.ts";
import { PluginPartition } from "../speed/plugin_partition.ts";
import { RepeatIndex } from "../speed/repeats.ts";
import { mergedRowsSql } from "../sql/merged_rows.ts";
import {
  bucketStartSql,
  createSpeedTable,
  grainStartSql,
  speedColumns,
  SpeedKind,
  tablesOf,
} from "../sql/tables.ts";
import { closeAll } from "../std/close_all.ts";
import { openEmbeddedWarehouse } from "../warehouse/embedded_warehouse.ts";
import { chunkOf, FIRST_OFFSET } from "./chunk.ts";

/** A plugin with the text of its batch SQL. */
export interface Subject {
  readonly plugin: Plugin;
  readonly batchSql: string;
}

/** A row of a layer: `bucket` (ISO 8601), the keys, and what is shown of the measures. */
export type LayerRow = Readonly<Record<string, unknown>>;

/** What each layer answers, by the grain of the batch layer; ordered by bucket and keys. */
export interface LayerRows {
  readonly speed: readonly LayerRow[];
  readonly batch: readonly LayerRow[];
}

/** A bucket and key for which the layers differ. */
export interface DifferingCell {
  /** ISO 8601. */
  readonly bucket: string;
  /** The keys as texts, in declared order. */
  readonly key: readonly string[];
  /** The columns that differ; one without a name where only one layer has the cell. */
  readonly measures: readonly {
    readonly name: string;
    readonly speed: string;
    readonly batch: string;
  }[];
}

/** So small that the events of a short stream lie in several blocks, whose states are merged. */
const BLOCK_SIZE = 8;

/** One place where layers are computed; a process has one at a time. */
export class Laboratory {
  readonly #warehouse: Warehouse;
  readonly #dir: string;
  #cases = 0;

  private constructor(warehouse: Warehouse, dir: string) {
    this.#warehouse = warehouse;
    this.#dir = dir;
  }

  /**
   * @param warehouse Default: an engine of its own in a temporary folder.
   * @throws UserError when the process has another folder open.
   */
  static async open(warehouse?: Warehouse): Promise<Laboratory> {
    const dir = await Deno.makeTempDir({ prefix: "twofold-testing-" });
    try {
      const opened = warehouse?.apart(1) ?? await openEmbeddedWarehouse({
        dir: join(dir, "warehouse"),
        database: "testing",
        connections: 2,
        maxThreads: 1,
        memoryLimitBytes: 2 ** 30,
        libraryPath: process.env.TWOFOLD_LIBCHDB,
      });
      return new Laboratory(opened, dir);
    } catch (error) {
      await Deno.remove(dir, { recursive: true });
      throw error;
    }
  }

  /** Closes the engine and removes the folder. */
  async close(): Promise<void> {
    await closeAll([
      () => this.#warehouse.close(),
      () => Deno.remove(this.#dir, { recursive: true }),
    ]);
  }

  /** The warehouse, to check SQL in. */
  get warehouse(): Warehouse {
    return this.#warehouse;
  }

  /**
   * What both layers answer.
   *
   * @param events as producers send them: objects, or the texts of records.
   * @throws TypeError naming the event that cannot be decoded.
   */
  async rowsOf(subject: Subject, events: readonly (object | string)[]): Promise<LayerRows> {
    const { plugin } = subject;
    const cell = ["_side", "bucket", ...plugin.keyColumns.map(({ name }) => name)];
    const shown = plugin.shownColumns.map(({ name, sql }) =>
      sql === name ? name : `${sql} AS ${name}`
    );
    const rows = await this.#over(
      subject,
      events,
      (sides, options) =>
        this.#warehouse.query<Record<string, unknown>>(
          `SELECT ${[...cell, ...shown].join(", ")} FROM (
${mergedSides(plugin, cell, sides.join("\nUNION ALL\n"))}
) AS merged ORDER BY ${cell.join(", ")}`,
          options,
        ),
    );
    const ofSide = (side: number) =>
      rows.filter(({ _side }) => _side === side).map(({ _side, ...row }) => row);
    return { speed: ofSide(Side.speed), batch: ofSide(Side.batch) };
  }

  /** The cells in which the states of the layers differ, as the drift of a batch run is found. */
  async differences(
    subject: Subject,
    events: readonly (object | string)[],
  ): Promise<readonly DifferingCell[]> {
    type Cell = [string, string[], [string, string, string, number][]];
    const days = await this.#over(
      subject,
      events,
      (sides, options) =>
        this.#warehouse.query<{ _cells: Cell[] }>(comparisonSql(subject.plugin, sides), options),
    );
    return days.flatMap(({ _cells }) => _cells).map(([bucket, key, measures]) => ({
      bucket,
      key,
      measures: measures.map(([name, speed, batch]) => ({ name, speed, batch })),
    }));
  }

  /** Lets both layers take the events; `read` gets the cells of each as a SELECT. */
  async #over<T>(
    { plugin, batchSql }: Subject,
    events: readonly (object | string)[],
    read: (sides: readonly string[], options: StatementOptions) => Promise<T>,
  ): Promise<T> {
    const name = `case${++this.#cases}`;
    const columns = decoded(plugin.source, events);
    const tables = tablesOf(plugin, name);
    const speed = tables.speed("testing");
    const path = join(this.#dir, `${name}.parquet`);
    const { events: archived, days } = await this.#archived(columns, path);
    await this.#warehouse.command(createSpeedTable(tables, "testing"));
    try {
      const rows = await speedRows(plugin, columns);
      const into = `${speed} (${speedColumns(plugin).join(", ")})`;
      if (rows !== null) await this.#warehouse.insert(into, rows);
      const { eventId, eventTime } = plugin.source;
      // The first copy of an event counts.
      const counted = `SELECT *, event_time AS ${eventTime} FROM (
  SELECT * FROM ${archived} ORDER BY offset LIMIT 1 BY ${eventId}, event_time
)`;
      const cell = [...plugin.keyColumns, ...plugin.measureColumns].map((column) => column.name);
      const side = (number: number, bucket: string, from: string) =>
        `SELECT ${[`${number} AS _side`, `${bucket} AS bucket`, ...cell].join(", ")} FROM ${from}`;
      const batch = grainRowsSql({ tables, batchSql }, counted);
      return await read([
        side(Side.speed, grainStartSql(plugin), `${speed} FINAL WHERE kind = ${SpeedKind.row}`),
        side(Side.batch, "bucket", `(\n${batch}\n)`),
      ], { params: { days } });
    } finally {
      await this.#warehouse.command(`DROP TABLE ${speed} SYNC`);
      await Deno.remove(path).catch(() => {}); // without events there is no file
    }
  }

  /** The events as the archive stores them: a file of Parquet as a relation, and the event days. */
  async #archived(columns: Columns, path: string) {
    const { schema, partition, from, count } = columns;
    const declared = eventColumns(schema);
    if (count === 0) return { events: emptySql(declared), days: [] };
    const rows = new BlockRows(schema, from);
    rows.add(columns, 0, count);
    const byDay = [...rowsByDay(rows)];
    const order = Uint32Array.from(byDay.flatMap(([, ofDay]) => [...ofDay]));
    await Deno.writeFile(path, encodeEvents(rows, order, { log: "testing", partition }));
    const structure = structureOf(declared);
    return {
      events: `file(${sqlText(path)}, 'Parquet', ${sqlText(structure)})`,
      days: byDay.map(([day]) => dayName(day)),
    };
  }
}

/** Events as the decoder leaves them. */
function decoded(schema: EventSchema, events: readonly (object | string)[]): Columns {
  const columns = allocateColumns(schema, Math.max(1, events.length));
  const values = events.map((event) => typeof event === "string" ? event : JSON.stringify(event));
  const [fault] = createDecoder(schema).decode(chunkOf(values), columns);
  if (fault === undefined) return columns;
  throw new TypeError(
    `Cannot decode event ${fault.row}: ${fault.reason}; got ${values[fault.row]}`,
  );
}

/** What the speed layer writes of the events: rows of its table in RowBinary; null of none. */
async function speedRows(plugin: Plugin, columns: Columns): Promise<Uint8Array | null> {
  // A horizon longer than the stream: the speed layer sees every repeat.
  const offsets = Number(columns.to - columns.from);
  new RepeatIndex(2 ** Math.ceil(Math.log2(offsets + 2))).mark(columns);
  const start = { block: FIRST_OFFSET, frontier: FIRST_OFFSET };
  const partition = new PluginPartition(plugin, columns.partition, start, columns);
  const segments = [...new BlockWalk(BLOCK_SIZE, FIRST_OFFSET).segments(columns, () => false)];
  await partition.pick(segments);
  for (const segment of segments) partition.apply(segment);
  partition.advance(columns.to);
  return partition.prepareFlush()?.rows ?? null;
}

/** The rows of both sides, merged by side, bucket and key. */
function mergedSides(plugin: Plugin, cell: readonly string[], sides: string): string {
  const { measureColumns, keyColumns, batch: { grain } } = plugin;
  const by = ["_side", ...keyColumns.map(({ name }) => name)];
  const bucket = `${bucketStartSql(grainSeconds[grain], "_start")} AS bucket`;
  return mergedRowsSql({
    measureColumns,
    heads: cell,
    columns: cell,
    rows: sides,
    groupBy: cell.join(", "),
    elements: () => ({ rows: sides, by, heads: ["_side", bucket, ...by.slice(1)], where: [] }),
  });
}
