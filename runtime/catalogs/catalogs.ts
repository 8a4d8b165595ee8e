/** The catalogs of a process: kept in memory, in the object store, and in the warehouse for SQL. */
import type { Catalog, CatalogField } from "../catalog.ts";
import type { Clock } from "../clock.ts";
import { NotFoundError, UserError } from "../errors.ts";
import {
  decodeCursor,
  encodeCursor,
  isText,
  placesOf,
  type Scalar,
  wholeUpTo,
} from "../page_cursor.ts";
import type { ObjectStore, Warehouse } from "../ports.ts";
import type {
  AnswerColumn,
  CatalogInfo,
  CatalogPage,
  CatalogQuery,
  Catalogs,
  MetricAnswer,
} from "../services.ts";
import { type CatalogFormat, type CatalogRow, compareKeys, readRows } from "./catalog_rows.ts";
import {
  type CatalogVersion,
  loadNewest,
  newestNumber,
  noVersion,
  storeVersion,
} from "./catalog_store.ts";
import { showVersion } from "./catalog_table.ts";

/** What {@link openCatalogs} takes. */
export interface CatalogsOptions {
  readonly catalogs: readonly Catalog[];
  readonly store: ObjectStore;
  readonly warehouse: Warehouse;
  readonly clock: Clock;
}

/** The service, and what the serving layer needs of it. */
export interface OpenCatalogs extends Catalogs {
  /** Adds catalogs' columns to an answer's rows; null where a catalog does not have the key. */
  expand(answer: MetricAnswer, names: string): MetricAnswer;
}

/** The largest body, in bytes: it is read as a whole. */
const MAX_BYTES = 64 * 2 ** 20;
/** How old what is known of the store may be, in milliseconds: others may put, too. */
const FRESH_MS = 2000;

/** Loads every catalog. */
export async function openCatalogs(options: CatalogsOptions): Promise<OpenCatalogs> {
  const opened = new Map<string, OpenCatalog>();
  for (const catalog of options.catalogs) {
    const open = new OpenCatalog(catalog, options);
    await open.refresh();
    opened.set(catalog.name, open);
  }
  const catalogOf = (name: string, field: string) => {
    const found = opened.get(name);
    if (found !== undefined) return found;
    const names = [...opened.keys()].join(", ") || "none";
    const message = `There is no catalog ${JSON.stringify(name.slice(0, 80))}, wanted ${names}`;
    if (field === "catalog") throw new NotFoundError(message, { field });
    throw new UserError(message, { field });
  };
  return {
    async list() {
      for (const catalog of opened.values()) await catalog.refresh();
      return [...opened.values()].map((catalog) => catalog.info());
    },
    async get(name, query) {
      const catalog = catalogOf(name, "catalog");
      await catalog.refresh();
      return catalog.page(query);
    },
    async put(name, body, format) {
      const catalog = catalogOf(name, "catalog");
      return { catalog: name, rows: await catalog.put(await textOf(body, name), format) };
    },
    expand: (answer, names) =>
      names.split(",").reduce(
        (expanded, name) => catalogOf(name, "expand").expand(expanded),
        answer,
      ),
  };
}

async function textOf(body: ReadableStream<Uint8Array>, name: string): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let bytes = 0;
  let text = "";
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > MAX_BYTES) {
        throw new UserError(`Cannot put catalog "${name}": wanted at most ${MAX_BYTES} bytes`, {
          field: "body",
        });
      }
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UserError(`Cannot put catalog "${name}": wanted UTF-8, got other bytes`, {
      field: "body",
    });
  }
}

class OpenCatalog {
  #version: CatalogVersion = noVersion;
  #byKey = new Map<unknown, CatalogRow>();
  #texts: string[] = [];
  #seenMs = -Infinity;
  #shown = -1;

  constructor(readonly catalog: Catalog, readonly options: CatalogsOptions) {}

  /** Loads a newer version where there is one. */
  async refresh(): Promise<void> {
    const { store, clock } = this.options;
    if (clock.now() - this.#seenMs < FRESH_MS && this.#shown >= 0) return;
    if (this.#shown < 0 || await newestNumber(store, this.catalog.name) > this.#version.number) {
      await this.#use(await loadNewest(store, this.catalog.name));
    }
    this.#seenMs = clock.now();
  }

  async put(text: string, format: CatalogFormat): Promise<number> {
    const { store, clock } = this.options;
    const rows = readRows(this.catalog, text, format);
    const updated = new Date(clock.now()).toISOString();
    await this.#use(await storeVersion(store, this.catalog.name, rows, updated));
    return rows.length;
  }

  async #use(version: CatalogVersion): Promise<void> {
    if (version.number < this.#version.number) return;
    const strings = Object.entries(this.catalog.columns)
      .filter(([, { kind }]) => kind === "string" || kind === "list").map(([name]) => name);
    const { key } = this.catalog;
    this.#version = version;
    this.#byKey = new Map(version.rows.map((row) => [row[key], row]));
    this.#texts = version.rows.map((row) =>
      strings.map((name) => String(row[name] ?? "")).join("\n").toLowerCase()
    );
    await showVersion(this.options.warehouse, this.catalog, version);
    this.#shown = version.number;
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
    const { key, name, columns } = this.catalog;
    const limit = limitOf(name, query.limit);
    const question = ["catalog", name, query.search ?? null, query.keys ?? null];
    const isKey = columns[key].kind === "string" ? isText : wholeUpTo(2n ** 32n - 1n);
    const after = query.after === undefined
      ? null
      : decodeCursor(query.after, question, "after", placesOf(isKey))[0];
    const words = (query.search ?? "").toLowerCase().split(/\s+/).filter((word) => word !== "");
    const wanted = query.keys === undefined ? null : this.#keysOf(query.keys);
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

  #keysOf(text: string): Set<unknown> {
    const { key, columns, name } = this.catalog;
    return new Set(
      text.split(",").map((each) => {
        if (columns[key].kind === "string") return each;
        if (/^\d{1,10}$/.test(each)) return Number(each);
        throw new UserError(
          `Cannot read catalog "${name}": keys must be whole numbers with commas between, got ${
            JSON.stringify(each.slice(0, 80))
          }`,
          { field: "keys" },
        );
      }),
    );
  }

  expand(answer: MetricAnswer): MetricAnswer {
    const { key, columns, name } = this.catalog;
    const has = (column: string) => answer.columns.some((other) => other.name === column);
    if (!has(key)) {
      throw new UserError(
        `Cannot expand metric "${answer.metric}" by catalog "${name}": it has no key "${key}"`,
        { field: "expand" },
      );
    }
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

function limitOf(name: string, text: string | undefined): number {
  if (text === undefined) return 100;
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= 10_000) return limit;
  throw new UserError(
    `Cannot read catalog "${name}": limit must be a whole number in 1..10000, got ${
      JSON.stringify(text.slice(0, 80))
    }`,
    { field: "limit" },
  );
}
