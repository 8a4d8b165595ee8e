/**
 * Publication. What follows a published run is decided once, by putting a *successor* object where
 * nothing was; the pointer in the batch table then says so to readers. A process that dies between
 * the two leaves a decision without a pointer, and the next process writes it: the rows are there.
 */
import type { Clock } from "../std/clock.ts";
import { retry } from "../std/errors.ts";
import { type Cut, type CutJson, decodeCut, encodeCut } from "../model/frontier.ts";
import type { ObjectStore, StatementOptions, Warehouse } from "../ports/ports.ts";
import { readJson, writeJson } from "../ports/stored_json.ts";
import { BatchLevel, computedRows, type PluginTables, pointerSql } from "../sql/tables.ts";
import { runName } from "./claims.ts";
import { removeBelow } from "./remove_below.ts";
import { pointerColumns, pointerRows, type Publication } from "./pointer_rows.ts";

/** What readers of a plugin's batch table take. */
export interface Pointer {
  readonly run: number;
  readonly fullRun: number;
  readonly cut: Cut;
  /** Numbers from the full run on that were claimed and never published. */
  readonly skipped: readonly number[];
}

/** Nothing published. */
export const noPointer: Pointer = { run: 0, fullRun: 0, cut: {}, skipped: [] };

/** Publishes the runs of one plugin. */
export class Publisher {
  readonly #warehouse: Warehouse;
  readonly #store: ObjectStore;
  readonly #tables: PluginTables;
  readonly #folder: string;
  readonly #clock: Clock;

  constructor(
    warehouse: Warehouse,
    store: ObjectStore,
    tables: PluginTables,
    clock: Clock,
  ) {
    this.#warehouse = warehouse;
    this.#store = store;
    this.#tables = tables;
    this.#clock = clock;
    this.#folder = `${tables.plugin.source.topic}/successors/${tables.batch}`;
  }

  /** What readers see now. */
  async pointer(): Promise<Pointer> {
    const [row] = await this.#warehouse.query<PointerRow>(pointerSql(this.#tables));
    if (row === undefined) return noPointer;
    return {
      run: Number(row.run),
      fullRun: Number(row.full_run),
      cut: decodeCut(row.cut),
      skipped: row.skipped.map(Number),
    };
  }

  /**
   * Completes decided publications that lack their pointer. Called at the start of each run.
   *
   * @returns what readers see then.
   */
  async recover(): Promise<Pointer> {
    while (true) {
      const pointer = await this.pointer();
      const { decided } = await this.#successorOf(pointer.run);
      if (decided === null) return pointer;
      if (!(await this.#hasPointer(decided.run))) await this.#writePointer(decided);
    }
  }

  /**
   * Publishes a run whose rows are written, if what it builds on is still what readers see.
   *
   * @returns false when another run has superseded it.
   */
  async publish(publication: Publication): Promise<boolean> {
    if ((await this.pointer()).run !== publication.base) return false;
    while (true) {
      const { decided, slot } = await this.#successorOf(publication.base);
      // Decided in our favour already: an answer to our own put that was lost on the way.
      const ours = decided?.run === publication.run;
      if (decided !== null && !ours) return false;
      if (
        ours ||
        await this.#store.put(
          slot,
          writeJson({ ...publication, cut: encodeCut(publication.cut) }),
          { ifAbsent: true },
        )
      ) {
        return await this.#complete(publication);
      }
    }
  }

  /**
   * Writes the pointer of a decided run. Slots of old bases are removed, so a process that was paused
   * for long may have found one free that had been taken: its decision is void. That shows in the
   * pointer, which had moved on before the slot was removed.
   *
   * @returns false when the decision is void.
   */
  async #complete(publication: Publication): Promise<boolean> {
    const { run, base } = publication;
    const now = await this.pointer();
    if (now.run === base) {
      await this.#writePointer(publication);
      return true;
    }
    // Another process may have written the pointer for us, and published more since.
    if (await this.#hasPointer(run)) return true;
    return run >= now.fullRun && run <= now.run && !now.skipped.includes(run);
  }

  /**
   * Removes decisions that follow runs below `floor`, but never one that may still be completed.
   *
   * @returns whether all are gone; else the next call goes on.
   */
  async removeDecisions(floor: number): Promise<boolean> {
    const below = Math.min(floor, (await this.pointer()).run);
    return await removeBelow(this.#store, `${this.#folder}/`, runName(below));
  }

  /**
   * The run that follows `base`, if that is decided, and else the name that decides it. There are
   * several names because a table can be dropped: decisions whose rows went with it do not count.
   */
  async #successorOf(base: number): Promise<{ decided: Publication | null; slot: string }> {
    for (let attempt = 0;; attempt++) {
      const slot = `${this.#folder}/${runName(base)}_${attempt}.json`;
      const bytes = await this.#store.get(slot);
      if (bytes === null) return { decided: null, slot };
      const decided = decodePublication(slot, bytes);
      if (await this.#hasRows(decided)) return { decided, slot };
    }
  }

  async #hasRows({ run, rows }: Publication): Promise<boolean> {
    if (await this.#hasPointer(run)) return true;
    return await countRows(this.#warehouse, this.#tables, run) === rows;
  }

  async #hasPointer(run: number): Promise<boolean> {
    const rows = await this.#warehouse.query(
      `SELECT run FROM ${this.#tables.batch} ` +
        `WHERE level = ${BatchLevel.pointer} AND run = {run:UInt64} LIMIT 1`,
      { params: { run } },
    );
    return rows.length > 0;
  }

  async #writePointer(publication: Publication): Promise<void> {
    const into = `${this.#tables.batch} (${pointerColumns.join(", ")})`;
    const rows = pointerRows(publication, this.#clock.now());
    // Decided is decided: an abort comes too late, and a second pointer says the same as the first.
    await retry(
      () =>
        this.#warehouse.insert(into, rows, {
          settings: { async_insert: 0, insert_deduplicate: 0 },
        }),
      { attempts: 3, sleep: (ms) => this.#clock.sleep(ms) },
    );
  }
}

interface PointerRow {
  readonly run: number | string;
  readonly full_run: number | string;
  readonly skipped: readonly (number | string)[];
  readonly cut: CutJson;
}

/** Rows of a run beside pointer and markers. */
export async function countRows(
  warehouse: Warehouse,
  tables: PluginTables,
  run: number,
  options: StatementOptions = {},
): Promise<number> {
  const [row] = await warehouse.query<{ rows: number | string }>(
    `SELECT count() AS rows FROM ${tables.batch} ` +
      `WHERE ${computedRows} AND run = {run:UInt64}`,
    { ...options, params: { ...options.params, run } },
  );
  return Number(row.rows);
}

/** @throws DamagedError naming the object, when it does not say which run follows. */
export function decodePublication(name: string, bytes: Uint8Array): Publication {
  type Json = Omit<Publication, "cut"> & { readonly cut: CutJson };
  return readJson(name, bytes, "which run follows a published one", (json: Json) => ({
    ...json,
    cut: decodeCut(json.cut),
  }));
}
