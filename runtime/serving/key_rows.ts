/**
 * The answers to questions for single keys, merged here: the batch rows, which never change within a
 * run and are kept, and the speed rows from the cut on, which this process has in memory where it
 * counted them itself. What is not at hand is read by plain statements, because planning one that
 * merges both layers takes the engine five times as long as reading a key's rows as they lie: one
 * for the batch rows, one for the speed rows in every version that still lies there.
 *
 * No frontier rows are read, which cost more to find than a key's. A frontier that was acknowledged
 * before the statement is told as far as the versions among the rows go beyond it: had the statement
 * seen an event of the key at or above that, the event's row would have a greater version.
 */
import { beyond, type Cut, furthest } from "../model/frontier.ts";
import type { KeyStates, RecentRows, TimeRange } from "../model/recent.ts";
import type { Layer } from "../ports/services.ts";
import type { KeyValue, TypedQuery } from "./metric_query.ts";
import {
  batchPart,
  partParameters,
  type PartsInput,
  type PublishedRun,
  speedVersions,
} from "./metric_parts.ts";
import type { MetricSource } from "./metric_source.ts";
import type { MergeRows } from "./merged_values.ts";
import type { Published } from "./published_runs.ts";

/** A value per key column. */
export type Key = readonly KeyValue[];

/** What questions for one key each must have in common to be answered together. */
export interface KeyShape extends TimeRange {
  readonly layer: Layer;
}

/** The rows of a key, one or none, and what they are as of. */
export interface KeyAnswer {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly cut: Cut;
  readonly frontier: Cut;
}

/** A row as `JSONEachRow` has it. */
type Row = Readonly<Record<string, unknown>>;

/** A version of a speed row. */
interface Version extends Row {
  readonly partition: number;
  readonly block: string;
  readonly window_start: string;
  readonly version: string;
}

/**
 * What the engine sets up for much data (threads, skip indexes) costs more than it saves; quoted
 * numbers have all their digits.
 */
const SETTINGS = "\nSETTINGS max_threads = 1, use_skip_indexes = 0, " +
  "output_format_json_quote_64bit_integers = 1, output_format_json_quote_decimals = 1";

/** The most values of neighbours that are read beside a key. */
const READ_AHEAD_VALUES = 8_000;
const MAX_UINT32 = 2 ** 32 - 1;

/** The most values (measures, members of sets) of batch rows that are kept. */
const MAX_KEPT_VALUES = 1_000_000;

/** Reads and merges the rows of single keys of one metric. */
export class KeyRows {
  readonly #source: MetricSource;
  readonly #merge: MergeRows;
  /** Batch rows by run, range and key, the longest unused first. */
  readonly #kept = new Map<string, readonly KeyStates[]>();
  #keptValues = 0;
  #keptRun: number | null = null;
  /** By layer, how far the speed rows of earlier answers were: no later one is behind them. */
  readonly #told = new Map<Layer, Cut>();

  constructor(source: MetricSource, merge: MergeRows) {
    this.#source = source;
    this.#merge = merge;
  }

  /**
   * The answer for a key from what is at hand; null where the engine has to be asked.
   *
   * @throws NotReadyError where events would be missing.
   */
  async atHand(shape: KeyShape, key: Key, signal: AbortSignal): Promise<KeyAnswer | null> {
    const published = await this.#source.asOf(shape.layer, signal);
    const batch = this.#keptRows(published, shape, key);
    const recent = this.#recent(published, shape.layer);
    if (batch === null || recent === null) return null;
    const speed = recentRows(recent, shape, key);
    this.#tell(shape.layer, recent.frontier);
    return this.#answer(key, [...batch, ...speed], published.cut, recent.frontier);
  }

  /** Finds the answers for some keys. @throws NotReadyError where events would be missing. */
  async load(
    shape: KeyShape,
    keys: readonly Key[],
    signal: AbortSignal,
  ): Promise<(key: Key) => KeyAnswer> {
    const { layer, from, to } = shape;
    const { keyColumns } = this.#source.tables.plugin;
    const query: TypedQuery = {
      ...{ layer, from, to, bucket: "all", keys: [], order: [], limit: keys.length },
      ...{ anyOf: { columns: keyColumns, keys }, after: null, waitFor: null },
    };
    const published = await this.#source.asOf(layer, signal);
    const [batch, speed] = await Promise.all([
      this.#batchRows(published, query, signal),
      this.#speedRows(published, query, signal),
    ]);
    return (key) => {
      const name = textOf(key);
      const rows = [...batch.get(name) ?? [], ...speed.rows.get(name) ?? []];
      return this.#answer(key, rows, published.cut, speed.frontier);
    };
  }

  #answer(key: Key, rows: readonly KeyStates[], cut: Cut, speed: Cut): KeyAnswer {
    const shown = rows.length === 0 ? [] : [{ ...this.#keyOf(key), ...this.#merge(rows) }];
    return { rows: shown, cut, frontier: furthest(cut, speed) };
  }

  /** The batch rows of a key, if they are kept. */
  #keptRows({ run }: Published, shape: KeyShape, key: Key): readonly KeyStates[] | null {
    if (shape.layer === "speed" || run === null) return [];
    const place = placeOf(run, shape, key);
    const kept = this.#kept.get(place);
    if (kept === undefined) return null;
    this.#keep(place, kept);
    return kept;
  }

  /** The speed rows that a layer takes, if they are in memory. */
  #recent({ cut }: Published, layer: Layer): RecentRows | null {
    if (layer === "batch") return NOTHING;
    // What the batch covers has left the memory.
    return layer === "merged" ? this.#source.recent(cut) : null;
  }

  /** The batch rows by key; each key's are read once per run, with those of its neighbours. */
  async #batchRows(
    published: Published,
    query: TypedQuery,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, readonly KeyStates[]>> {
    const { run } = published;
    if (query.layer === "speed" || run === null) return new Map();
    if (run.run !== this.#keptRun) this.#forget(run.run);
    // Another run may be read at the same time, and what is kept may go while this one is.
    const found = new Map<string, readonly KeyStates[]>();
    const missing: Key[] = [];
    for (const key of query.anyOf!.keys) {
      const kept = this.#keptRows(published, query, key);
      if (kept === null) missing.push(key);
      else found.set(textOf(key), kept);
    }
    if (missing.length === 0) return found;
    const keys = this.#withNeighbours(missing);
    const input = this.#input(published, { ...query, anyOf: { ...query.anyOf!, keys } });
    const rows = this.#byKey(await this.#ask(input, batchPart({ ...input, ...PLAIN }), signal));
    for (const key of keys) {
      const of = rows.get(textOf(key)) ?? [];
      found.set(textOf(key), of);
      if (run.run === this.#keptRun) this.#keep(placeOf(run, query, key), of);
    }
    return found;
  }

  /**
   * The keys, and where they are numbers those beside them, as many as have few values: the engine
   * reads a thousand rows to find one, so that of its neighbours costs nothing but their size.
   */
  #withNeighbours(keys: readonly Key[]): readonly Key[] {
    const { keyColumns } = this.#source.tables.plugin;
    if (keyColumns.length !== 1 || keyColumns[0].type.kind !== "uint32") return keys;
    const valuesPerKey = this.#kept.size === 0 ? Infinity : this.#keptValues / this.#kept.size;
    const size = Math.floor(READ_AHEAD_VALUES / Math.max(1, valuesPerKey * keys.length));
    if (size < 2) return keys;
    const numbers = new Set<number>();
    for (const [key] of keys) {
      const first = Math.floor(Number(key) / size) * size;
      for (let n = first; n < first + size; n++) numbers.add(n);
    }
    return [...numbers].filter((n) => n <= MAX_UINT32).map((n) => [n]);
  }

  /** The newest version of each speed row by key, and how far they are right. */
  async #speedRows(
    published: Published,
    query: TypedQuery,
    signal: AbortSignal,
  ): Promise<{ rows: ReadonlyMap<string, readonly KeyStates[]>; frontier: Cut }> {
    const recent = this.#recent(published, query.layer);
    if (recent !== null) {
      const { frontier } = recent;
      this.#tell(query.layer, frontier);
      const of = (key: Key) => [textOf(key), recentRows(recent, query, key)] as const;
      return { rows: new Map(query.anyOf!.keys.map(of)), frontier };
    }
    const input = this.#input(published, query);
    // Memory may have been ahead of the tables, and they of what is acknowledged.
    const told = this.#told.get(query.layer) ?? {};
    await this.#source.flushed(beyond(told, published.cut), signal);
    // What was acknowledged before the statement is in it, and perhaps more.
    const acknowledged = this.#source.frontier();
    const found = await this.#ask(input, speedVersions(input), signal);
    const newest = new Map<string, Row>();
    for (const row of found) {
      const { partition, block, window_start, version } = row as unknown as Version;
      const place = JSON.stringify([partition, block, window_start, this.#nameOf(row)]);
      const known = newest.get(place);
      if (known === undefined || BigInt(version) > BigInt(known.version as string)) {
        newest.set(place, row);
      }
    }
    const versions = this.#source.frontierOf(
      found.map((row) => ({ frontier: Number(row.partition) + 1, version: row.version })),
    );
    const frontier = furthest(acknowledged, versions);
    this.#tell(query.layer, frontier);
    return { rows: this.#byKey(newest.values()), frontier };
  }

  #tell(layer: Layer, frontier: Cut): void {
    this.#told.set(layer, furthest(this.#told.get(layer) ?? {}, frontier));
  }

  async #ask(input: PartsInput, sql: string, signal: AbortSignal): Promise<Row[]> {
    const statement = { sql: sql + SETTINGS, params: partParameters(input), settings: {} };
    return await this.#source.ask<Row>(statement, signal);
  }

  #input(published: Published, query: TypedQuery): PartsInput {
    return { ...this.#source.inputs(published), query };
  }

  /** The states of rows by key. */
  #byKey(rows: Iterable<Row>): Map<string, KeyStates[]> {
    const { measureColumns } = this.#source.tables.plugin;
    const byKey = new Map<string, KeyStates[]>();
    for (const [name, of] of Map.groupBy(rows, (row) => this.#nameOf(row))) {
      const statesOf = (row: Row) => measureColumns.map((column) => column.read(row[column.name]));
      byKey.set(name, of.map(statesOf));
    }
    return byKey;
  }

  /** The key's columns as `JSONEachRow` has them. */
  #keyOf(key: Key): Readonly<Record<string, unknown>> {
    const { keyColumns } = this.#source.tables.plugin;
    return Object.fromEntries(
      keyColumns.map(({ name, type }, i) => [
        name,
        type.kind === "boolean" ? key[i] === "true" : key[i],
      ]),
    );
  }

  #nameOf(row: Row): string {
    return textOf(this.#source.tables.plugin.keyColumns.map(({ name }) => row[name]));
  }

  #forget(run: number): void {
    this.#kept.clear();
    this.#keptValues = 0;
    this.#keptRun = run;
  }

  #keep(place: string, rows: readonly KeyStates[]): void {
    if (!this.#kept.delete(place)) this.#keptValues += valuesOf(rows);
    this.#kept.set(place, rows);
    if (this.#keptValues <= MAX_KEPT_VALUES) return;
    // Many at once: a map is walked past all that was deleted at its beginning.
    for (const [oldest, of] of this.#kept) {
      if (this.#keptValues <= MAX_KEPT_VALUES / 2) break;
      this.#kept.delete(oldest);
      this.#keptValues -= valuesOf(of);
    }
  }
}

/** How many values some rows have; those of collections count one by one. */
function valuesOf(rows: readonly KeyStates[]): number {
  return rows.flat().reduce<number>(
    (sum, state) => sum + (Array.isArray(state) ? Math.max(1, state.length) : 1),
    1,
  );
}

/** Rows as they are, with nothing beside them. */
const PLAIN = { survivorsOnly: false, tells: "nothing" } as const;

/** The speed rows of the batch layer. */
const NOTHING: RecentRows = { frontier: {}, states: () => null };

/** The rows of a key in memory: one, or none. */
function recentRows(recent: RecentRows, range: TimeRange, key: Key): readonly KeyStates[] {
  const states = recent.states(key, range);
  return states === null ? [] : [states];
}

/** Where the batch rows of a key are kept. */
const placeOf = ({ run }: PublishedRun, { from, to }: TimeRange, key: Key) =>
  JSON.stringify([run, from, to, textOf(key)]);

/** One text per key, as a question or a row has it. */
const textOf = (key: readonly unknown[]) => JSON.stringify(key.map(String));
