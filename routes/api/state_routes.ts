/** Routes of catalogs and plugins. */
import type { Services } from "../../runtime/ports/services.ts";
import { toldRun } from "./batch_runs.ts";
import { catalogFormats, listCatalogs, putCatalog, readCatalog } from "./catalogs.ts";
import { Problem } from "./problem.ts";
import { objectOf } from "./request_body.ts";
import { type Route, route } from "./route.ts";
import * as schemas from "./schemas.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** The routes tagged Catalogs. */
export function catalogRoutes(services: Services): Route[] {
  const tag = "Catalogs";
  const names = async () => (await services.catalogs.list()).map(({ name }) => name);
  const named = {
    pathParams: { name: { description: "Name of the catalog", names } },
    faults: [404],
  };
  return [
    route({
      id: "listCatalogs",
      at: "GET /api/v1/catalogs",
      tag,
      summary: "List catalogs",
      cache: "no-cache",
      answer: schemas.catalogList,
      handle: (asked) => listCatalogs(services, asked),
    }),
    route({
      id: "getCatalog",
      at: "GET /api/v1/catalogs/{name}",
      tag,
      ...named,
      summary: "List rows of a catalog, by key",
      query: schemas.catalogParameters,
      cache: "no-cache",
      answer: schemas.catalogPage,
      table: (answer) => answer,
      handle: (asked) => readCatalog(services, asked),
    }),
    route({
      id: "putCatalog",
      at: "PUT /api/v1/catalogs/{name}",
      tag,
      ...named,
      summary: "Replace a catalog, atomically",
      body: {
        types: Object.keys(catalogFormats),
        maxBytes: 64 * MIB,
        required: true,
        summary: "Its rows as JSON objects or as CSV with a header (a list's texts have | between)",
      },
      access: "write",
      timeoutMs: null,
      answer: schemas.catalogPut,
      handle: (asked) => putCatalog(services, asked),
    }),
  ];
}

/** The routes tagged Plugins. */
export function pluginRoutes(
  { plugins, status, reloadPlugins, prunePlugins, lifecycle }: Services,
): Route[] {
  const tag = "Plugins";
  const names = () => Promise.resolve([...plugins.keys()]);
  return [
    route({
      id: "getPlugin",
      at: "GET /api/v1/plugins/{name}",
      tag,
      summary: "Get a plugin: state, source, SQL and relations",
      pathParams: { name: { description: "Name of the plugin", names } },
      faults: [404],
      answer: schemas.plugin,
      async handle({ c }) {
        const name = c.req.param("name")!;
        const text = plugins.get(name);
        if (text === undefined) {
          throw new Problem("not-found", `There is no plugin ${JSON.stringify(name.slice(0, 80))}`);
        }
        const { plugins: states } = await status();
        return { ...text, status: { ...states.find(({ plugin }) => plugin === name)! } };
      },
    }),
    route({
      id: "reloadPlugins",
      at: "POST /api/v1/plugins/reload",
      tag,
      summary:
        "Reload the plugins' files in this process; changed plugins are built in the background",
      access: "write",
      timeoutMs: null,
      answer: schemas.reloaded,
      handle: async () => ({ ...await reloadPlugins() }),
    }),
    route({
      id: "prunePlugins",
      at: "POST /api/v1/plugins/prune",
      tag,
      summary: "Drop tables and relations of removed plugins and replaced generations",
      access: "write",
      timeoutMs: null,
      answer: schemas.pruned,
      handle: async () => ({ removed: await prunePlugins() }),
    }),
    ...(["pause", "resume"] as const).map((verb) =>
      route({
        id: `${verb}Metric`,
        at: `POST /api/v1/plugins/{name}/${verb}`,
        tag,
        summary: verb === "pause"
          ? "Stop computing a metric; its answers stay as they are, and say so"
          : "Resume a paused metric; it catches up from the log and the archive",
        pathParams: { name: { description: "Name of the metric", names } },
        faults: [404],
        body: {
          types: ["application/json"],
          maxBytes: 16 * KIB,
          required: true,
          summary: "Name of the operator, which is recorded",
          schema: schemas.pluginOperator,
        },
        access: "write",
        timeoutMs: null,
        answer: schemas.pluginPaused,
        async handle({ c, maxBodyBytes }) {
          const { by } = await objectOf(schemas.pluginOperator, c.req.raw, maxBodyBytes);
          const name = c.req.param("name")!;
          await lifecycle[verb](name, by);
          return { plugin: name, paused: lifecycle.isPaused(name) };
        },
      })
    ),
    route({
      id: "rebuildMetric",
      at: "POST /api/v1/plugins/{name}/rebuild",
      tag,
      summary: "Recompute a metric's batch rows from the archive, although nothing changed",
      description:
        "Answers when the run has finished. The run continues if the client disconnects.",
      pathParams: { name: { description: "Name of the metric", names } },
      faults: [404],
      body: {
        types: ["application/json"],
        maxBytes: 16 * KIB,
        required: true,
        summary: "Days to recompute; {} for all of them",
        schema: schemas.pluginRebuild,
      },
      access: "write",
      timeoutMs: null,
      answer: schemas.pluginRebuilt,
      async handle({ c, maxBodyBytes }) {
        const request = await objectOf(schemas.pluginRebuild, c.req.raw, maxBodyBytes);
        const { run, ...answer } = await lifecycle.rebuild(c.req.param("name")!, request);
        return { ...answer, run: run && toldRun(run) };
      },
    }),
    route({
      id: "dropMetric",
      at: "POST /api/v1/plugins/{name}/drop",
      tag,
      summary: "Drop the tables and relations of a metric that is paused or whose file is gone",
      pathParams: { name: { description: "Name of the metric" } },
      faults: [404],
      access: "write",
      timeoutMs: null,
      answer: schemas.pruned,
      handle: async ({ c }) => ({ removed: await lifecycle.drop(c.req.param("name")!) }),
    }),
  ];
}
