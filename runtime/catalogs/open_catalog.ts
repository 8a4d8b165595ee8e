/** One catalog of a process: the version that stands, in memory and in the warehouse. */
import type { Catalog, CatalogField } from "../catalog.ts";
import { quoted } from "../std/quoted.ts";
import { within } from "../std/abortable.ts";
import type { Clock } from "../std/clock.ts";
import { ProblemError, TwofoldError, UserError } from "../std/errors.ts";
import {
  decodeCursor,
  encodeCursor,
  isText,
  placesOf,
  type Scalar,
  wholeUpTo,
} from "../std/page_cursor.ts";
import type { ObjectStore, Warehouse } from "../ports/ports.ts";
import type { Problems } from "../model/problems.ts";
import type {
  AnswerColumn,
  CatalogInfo,
  CatalogPage,
  CatalogQuery,
  MetricAnswer,
} from "../ports/services.ts";
import { Semaphore } from "../std/semaphore.ts";
import { pageLimit } from "../std/whole_number.ts";
import {
  type CatalogFormat,
  type CatalogRow,
  compareKeys,
  declaredRows,
  readRows,
} from "./catalog_rows.ts";
import {
  type CatalogVersion,
  loadNewest,
  newestNumber,
  noVersion,
  storeVersion,
} from "./catalog_store.ts";
import { showVersion } from "./catalog_table.ts";

/** What {@link OpenCatalog} needs. */
export interface CatalogOptions {
  readonly store: ObjectStore;
  readonly warehouse: Warehouse;
  readonly clock: Clock;
  /** Where damaged catalogs, and rows that lack declared columns, are reported. Default: nowhere. */
  readonly problems?: Pick<Problems, "set" | "clear" | "standing">;
}

/** How old what is known of the store may be, in milliseconds: others may put, too. */
const FRESH_MS = 2000;
/** How long a metric's rows wait for a store that does not answer, before they take what is known. */
const MAX_WAIT_MS = 1000;

/** A catalog that can be read, replaced, and joined. */
export class OpenCatalog {
  readonly catalog: Catalog;
  readonly #options: CatalogOptions;
  /** Puts and refreshes go one after the other: what is older never replaces what is newer. */
  readonly #alone = new Semaphore(1);
  #version: CatalogVersion = noVersion;
  #byKey = new Map<unknown, CatalogRow>();
  #texts: string[] = [];
  #seenMs = -Infinity;
  /** The number that the warehouse shows; -1 where it is not known. */
  #shown = -1;
  /** Why the newest version cannot be used; null while it can. */
  #damage: string | null = null;

  constructor(catalog: Catalog, options: CatalogOptions) {
    this.catalog = catalog;
    this.#options = options;
  }

  /**
   * Loads a newer version where there is one, unless it was looked for just now. One that is damaged,
   * or that the warehouse refuses, is a problem, and the rows stay as they are.
   */
  async refresh(): Promise<void> {
    if (this.#isFresh()) return;
    await this.#inTurn(async () => {
      if (this.#isFresh()) return;
      const { store, clock } = this.#options;
      const { name } = this.catalog;
      const askedMs = clock.now();
      try {
        const isNew = await newestNumber(store, name) > this.#version.number;
        await this.#use(isNew ? await loadNewest(store, name) : this.#version);
        this.#setDamage(null);
      } catch (error) {
        if (!(error instanceof TwofoldError) || error.retriable) throw error;
        this.#setDamage(error);
      }
      this.#seenMs = askedMs;
    });
  }

  #setDamage(error: TwofoldError | null): void {
    const report = { code: "catalog_damaged", subject: `catalog ${this.catalog.name}` } as const;
    this.#damage = error === null
      ? null
      : `Cannot load catalog ${this.catalog.name}: ${error.message}; or put the catalog again`;
    if (this.#damage === null) this.#options.problems?.clear(report.code, report.subject);
    else this.#options.problems?.set({ ...report, message: this.#damage });
  }

  /** Replaces all rows. @throws {UserError} where they are at fault: nothing has changed then. */
  async put(text: string, format: CatalogFormat): Promise<number> {
    const rows = readRows(this.catalog, text, format);
    await this.#inTurn(async () => {
      const { store, clock } = this.#options;
      const updated = new Date(clock.now()).toISOString();
      await this.#use(await storeVersion(store, this.catalog.name, rows, updated));
      this.#setDamage(null);
    });
    return rows.length;
  }

  #isFresh(): boolean {
    const young = this.#options.clock.now() - this.#seenMs < FRESH_MS;
    return young && (this.#damage !== null || this.#shown === this.#version.number);
  }

  async #inTurn(action: () => Promise<void>): Promise<void> {
    using _turn = await this.#alone.take();
    await action();
  }

  /**
   * Takes a version into memory and shows it in the warehouse. Where others share that, one that puts
   * meanwhile drops what is older; so the store is asked again, and its newest version shown.
   */
  async #use(version: CatalogVersion): Promise<void> {
    const { store, warehouse } = this.#options;
    for (let next = version;;) {
      if (next !== this.#version) this.#keep(next);
      if (this.#shown === next.number) return;
      const failed = await showVersion(warehouse, this.catalog, this.#version)
        .then(() => null, (error) => ({ error }));
      if (await newestNumber(store, this.catalog.name) > next.number) {
        next = await loadNewest(store, this.catalog.name);
        continue;
      }
      if (failed !== null) throw failed.error;
      this.#shown = next.number;
      return;
    }
  }

  #keep(version: CatalogVersion): void {
    const { key, name, columns } = this.catalog;
    const { rows, missing } = declaredRows(this.catalog, version.rows);
    const strings = Object.entries(columns)
      .filter(([, { kind }]) => kind === "string" || kind === "list").map(([column]) => column);
    this.#version = { ...version, rows };
    this.#byKey = new Map(rows.map((row) => [row[key], row]));
    this.#texts = rows.map((row) =>
      strings.map((column) => String(row[column] ?? "")).join("\n").toLowerCase()
    );
    const { problems } = this.#options;
    if (missing.length === 0) return problems?.clear("catalog_outdated", `catalog ${name}`);
    const message = `The rows of catalog ${name} have no ${missing.join(", ")}, which its ` +
      `declaration requires; load the catalog again with these columns`;
    problems?.set({ code: "catalog_outdated", subject: `catalog ${name}`, message });
  }

  info(): CatalogInfo {
    const { name, summary } = this.catalog;
    const { rows, updated } = this.#version;
    return { name, summary, columns: this.#columns(), rows: rows.length, updated };
  }

  #columns(): AnswerColumn[] {
    return Object.entries(this.catalog.columns).map(([name, { kind }]) => ({ name, type: kind }));
  }

  page(query: CatalogQuery): CatalogPage {
    if (this.#damage !== null) throw new ProblemError("catalog_damaged", this.#damage);
    const { key, name, columns } = this.catalog;
    const action = `Cannot read catalog "${name}"`;
    const limit = pageLimit(query.limit, { action, most: 10_000, otherwise: 100 });
    const question = ["catalog", name, query.search ?? null, query.keys ?? null];
    const isKey = columns[key].kind === "string" ? isText : wholeUpTo(2n ** 32n - 1n);
    const after = query.after === undefined
      ? null
      : decodeCursor(query.after, question, "after", placesOf(isKey))[0];
    const words = (query.search ?? "").toLowerCase().split(/\s+/).filter((word) => word !== "");
    const wanted = query.keys === undefined ? null : this.#keysOf(action, query.keys);
    const found: CatalogRow[] = [];
    for (const [i, row] of this.#version.rows.entries()) {
      if (after !== null && compareKeys(row[key], after) <= 0) continue;
      if (wanted !== null && !wanted.has(row[key])) continue;
      if (!words.every((word) => this.#texts[i].includes(word))) continue;
      if (found.push(row) > limit) break;
    }
    const items = found.slice(0, limit);
    const next = found.length > limit
      ? encodeCursor(question, [items.at(-1)![key] as Scalar])
      : null;
    return { catalog: name, columns: this.#columns(), items, next };
  }

  #keysOf(action: string, text: string): Set<unknown> {
    const { key, columns } = this.catalog;
    return new Set(
      text.split(",").map((each) => {
        if (columns[key].kind === "string") return each;
        if (/^\d{1,10}$/.test(each)) return Number(each);
        throw new UserError(
          `${action}: keys must be whole numbers with commas between, got ${quoted(each)}`,
          { field: "keys" },
        );
      }),
    );
  }

  /** Adds the columns to an answer's rows, as of what others put no longer than a moment ago. */
  async expand(answer: MetricAnswer): Promise<MetricAnswer> {
    const { key, columns, name } = this.catalog;
    const has = (column: string) => answer.columns.some((other) => other.name === column);
    if (!has(key)) {
      throw new UserError(
        `Cannot expand metric "${answer.metric}" by catalog "${name}": it has no key "${key}"`,
        { field: "expand" },
      );
    }
    // A store that fails or hangs must not take the metrics with it, whose numbers need none of it.
    const refreshed = this.refresh().catch(() => {});
    await within(MAX_WAIT_MS, refreshed, this.#options.clock);
    const added = Object.entries(columns).filter(([column]) => !has(column));
    return {
      ...answer,
      columns: [
        ...answer.columns,
        ...added.map(([column, { kind }]) => ({ name: column, type: kind })),
      ],
      rows: answer.rows.map((row) => {
        const entry = this.#byKey.get(row[key]);
        const of = ([column, field]: [string, CatalogField]) =>
          [column, entry?.[column] ?? (field.kind === "list" ? [] : null)] as const;
        return { ...row, ...Object.fromEntries(added.map(of)) };
      }),
    };
  }
}
