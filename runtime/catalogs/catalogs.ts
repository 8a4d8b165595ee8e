/** The catalogs of a process: kept in memory, in the object store, and in the warehouse for SQL. */
import type { Catalog } from "../catalog.ts";
import { quoted } from "../std/quoted.ts";
import { NotFoundError, ProblemError, UserError } from "../std/errors.ts";
import type { Catalogs, MetricAnswer } from "../ports/services.ts";
import { type CatalogOptions, OpenCatalog } from "./open_catalog.ts";

/** The service, and what the serving layer needs of it. */
export interface OpenCatalogs extends Catalogs {
  /**
   * Adds catalogs' columns to an answer's rows, null where a catalog does not have the key, and the
   * problems of these catalogs. One that is refused adds no columns.
   */
  expand(answer: MetricAnswer, names: string): Promise<MetricAnswer>;
  /**
   * Loads the catalogs that are there from now on. One that is damaged has no rows, and is a problem.
   *
   * @param refused by name of a catalog whose module is refused, why.
   */
  use(catalogs: readonly Catalog[], refused: ReadonlyMap<string, string>): Promise<void>;
}

/** The largest body, in bytes: it is read as a whole. */
const MAX_BYTES = 64 * 2 ** 20;

/** The catalogs of a process: none before they are used. */
export function createCatalogs(options: CatalogOptions): OpenCatalogs {
  const { problems } = options;
  let refused: ReadonlyMap<string, string> = new Map();
  let opened: ReadonlyMap<string, OpenCatalog> = new Map();
  const catalogOf = (name: string, field: string) => {
    const found = opened.get(name);
    if (found !== undefined) return found;
    const why = refused.get(name);
    if (why !== undefined) throw new ProblemError("catalog_refused", why);
    const names = [...opened.keys()].join(", ") || "none";
    const message = `Unknown catalog ${quoted(name)}, expected ${names}`;
    if (field === "catalog") throw new NotFoundError(message, { field });
    throw new UserError(message, { field });
  };
  return {
    async use(catalogs, refusedNow) {
      const next = new Map<string, OpenCatalog>();
      for (const catalog of catalogs) {
        const before = opened.get(catalog.name);
        const isSame = JSON.stringify(before?.catalog) === JSON.stringify(catalog);
        const open = isSame ? before! : new OpenCatalog(catalog, options);
        await open.refresh();
        next.set(catalog.name, open);
      }
      [opened, refused] = [next, refusedNow];
    },
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
        throw new UserError(`Cannot put catalog "${name}": expected at most ${MAX_BYTES} bytes`, {
          field: "body",
        });
      }
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UserError(`Cannot put catalog "${name}": expected UTF-8, got other bytes`, {
      field: "body",
    });
  }
}
