/**
 * Answers to questions for single keys from memory: the speed rows from the cut on, which this
 * process counted itself, and the batch rows, which never change within a run and are kept. Where the
 * speed rows are not in memory, the question takes the same statement as any other.
 */
import { beyond, type Cut, furthest } from "../model/frontier.ts";
import type { KeyStates } from "../model/recent.ts";
import type { KeyValue, TypedQuery } from "./metric_query.ts";
import type { KeyColumn } from "../plugin.ts";
import { SharedCalls } from "../std/shared_calls.ts";
import { batchPart, partParameters, type PartsInput } from "./metric_parts.ts";
import type { MetricSource } from "./metric_source.ts";
import type { MergeRows } from "./merged_values.ts";
import type { Published } from "./published_runs.ts";

/** A value per key column. */
export type Key = readonly KeyValue[];

/** The rows of a key, one or none, and what they are as of. */
export interface KeyAnswer {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly cut: Cut;
  readonly frontier: Cut;
}

/** What the engine sets up for much data costs more than it saves; quoted numbers are exact. */
const SETTINGS = "\nSETTINGS max_threads = 1, use_skip_indexes = 0, " +
  "output_format_json_quote_64bit_integers = 1, output_format_json_quote_decimals = 1";

/** The most values (measures, members of sets) of batch rows that are kept. */
const MAX_KEPT_VALUES = 1_000_000;
/**
 * Neighbours whose batch rows are read together: the engine reads a thousand rows to find one, and
 * those beside it cost nothing but their size.
 */
const STRETCH = 64;

/** Answers questions for single keys of one metric from memory. */
export class KeyRows {
  readonly #source: MetricSource;
  readonly #merge: MergeRows;
  /** Batch rows of `#keptRun`, by range of time and stretch of keys. */
  readonly #kept: SharedCalls;
  #keptRun: number | null = null;
  #keptValues = 0;
  /** How far the speed rows of earlier answers were. */
  #told: Cut = {};

  constructor(source: MetricSource, merge: MergeRows) {
    this.#source = source;
    this.#merge = merge;
    this.#kept = new SharedCalls(source.options.clock, { freshMs: Infinity });
  }

  /**
   * The answer to a question that pins the whole key and wants its merged row.
   *
   * @returns null where some speed rows are not in memory. The tables then hold all that earlier
   * answers from memory told, so that no later answer is behind them.
   * @throws NotReadyError where events would be missing.
   */
  async answer(query: TypedQuery, key: Key, signal: AbortSignal): Promise<KeyAnswer | null> {
    const published = await this.#source.asOf("merged", signal);
    const { cut } = published;
    const batch = this.#source.recent(cut) && await this.#batchRows(published, query, key, signal);
    // Memory may have moved on meanwhile, or have lost a block.
    const recent = this.#source.recent(cut);
    if (batch === null || recent === null) {
      await this.#source.flushed(beyond(this.#told, cut), signal);
      return null;
    }
    this.#told = furthest(this.#told, recent.frontier);
    const speed = recent.states(key, query);
    const rows = speed === null ? batch : [...batch, speed];
    return {
      rows: rows.length === 0 ? [] : [{ ...this.#keyOf(key), ...this.#merge(rows) }],
      cut,
      frontier: furthest(cut, recent.frontier),
    };
  }

  /** The batch rows of a key; the engine is asked for those of its stretch once per run. */
  async #batchRows(
    published: Published,
    query: TypedQuery,
    key: Key,
    signal: AbortSignal,
  ): Promise<readonly KeyStates[]> {
    if (published.run === null) return [];
    const { run } = published.run;
    if (run !== this.#keptRun || this.#keptValues > MAX_KEPT_VALUES) {
      this.#kept.forget();
      this.#keptRun = run;
      this.#keptValues = 0;
    }
    const { keyColumns } = this.#source.tables.plugin;
    const keys = stretchOf(key, keyColumns);
    const asked = { ...query, keys: [], anyOf: { columns: keyColumns, keys } };
    const found = await this.#kept.get(
      [run, query.from, query.to, keys[0]],
      (signal) => this.#ask({ ...this.#source.inputs(published), query: asked }, signal),
      { signal },
    );
    return found.get(textOf(key)) ?? [];
  }

  async #ask(input: PartsInput, signal: AbortSignal): Promise<Map<string, KeyStates[]>> {
    const sql = batchPart({ ...input, survivorsOnly: false, tells: "nothing" }) + SETTINGS;
    const statement = { sql, params: partParameters(input), settings: {} };
    const found = await this.#source.inTurn(signal, () => this.#source.ask(statement, signal));
    const { keyColumns, measureColumns } = this.#source.tables.plugin;
    const byKey = Map.groupBy(found, (row) => textOf(keyColumns.map(({ name }) => row[name])));
    const statesOf = (row: typeof found[number]) =>
      measureColumns.map((column) => column.read(row[column.name]));
    const states = new Map(byKey.entries().map(([key, rows]) => [key, rows.map(statesOf)]));
    for (const rows of states.values()) this.#keptValues += valuesOf(rows);
    return states;
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
}

/** The keys that are read with one, itself among them: those beside it where they are numbers. */
function stretchOf(key: Key, columns: readonly KeyColumn[]): readonly Key[] {
  if (columns.length !== 1 || columns[0].type.kind !== "uint32") return [key];
  const first = Math.floor(Number(key[0]) / STRETCH) * STRETCH;
  return Array.from({ length: STRETCH }, (_, i) => [first + i]);
}

/** One text per key, as a question or a row has it. */
const textOf = (key: readonly unknown[]) => JSON.stringify(key.map(String));

/** How many values some rows have; those of collections count one by one. */
function valuesOf(rows: readonly KeyStates[]): number {
  return rows.flat().reduce<number>(
    (sum, state) => sum + (Array.isArray(state) ? Math.max(1, state.length) : 1),
    1,
  );
}
