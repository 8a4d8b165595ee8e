/** The catalogs of a process: kept in memory, in the object store, and in the warehouse for SQL. */
import type { Catalog } from "../catalog.ts";
import { NotFoundError, ProblemError, UserError } from "../std/errors.ts";
import type { Catalogs, MetricAnswer } from "../ports/services.ts";
import { type CatalogOptions, OpenCatalog } from "./open_catalog.ts";

/** What {@link openCatalogs} takes. */
export interface CatalogsOptions extends CatalogOptions {
  readonly catalogs: readonly Catalog[];
  /** By name of a catalog whose module is refused, why. Default: none. */
  readonly refused?: ReadonlyMap<string, string>;
}

/** The service, and what the serving layer needs of it. */
export interface OpenCatalogs extends Catalogs {
  /**
   * Adds catalogs' columns to an answer's rows, null where a catalog does not have the key, and the
   * problems of these catalogs. One that is refused adds no columns.
   */
  expand(answer: MetricAnswer, names: string): Promise<MetricAnswer>;
}

/** The largest body, in bytes: it is read as a whole. */
const MAX_BYTES = 64 * 2 ** 20;

/** Loads every catalog. One that is damaged has no rows, and is a problem. */
export async function openCatalogs(options: CatalogsOptions): Promise<OpenCatalogs> {
  const { refused = new Map<string, string>(), problems } = options;
  const opened = new Map<string, OpenCatalog>();
  for (const catalog of options.catalogs) {
    const open = new OpenCatalog(catalog, options);
    await open.refresh();
    opened.set(catalog.name, open);
  }
  const catalogOf = (name: string, field: string) => {
    const found = opened.get(name);
    if (found !== undefined) return found;
    const why = refused.get(name);
    if (why !== undefined) throw new ProblemError("catalog_refused", why);
    const names = [...opened.keys()].join(", ") || "none";
    const message = `Unknown catalog ${JSON.stringify(name.slice(0, 80))}, wanted ${names}`;
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
    async expand(answer, names) {
      let expanded = answer;
      const asked = names.split(",");
      for (const name of asked) {
        if (!refused.has(name)) expanded = await catalogOf(name, "expand").expand(expanded);
      }
      const subjects = asked.map((name) => `catalog ${name}`);
      const own = problems?.standing().filter(({ subject }) => subjects.includes(subject)) ?? [];
      return { ...expanded, problems: [...expanded.problems, ...own] };
    },
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
