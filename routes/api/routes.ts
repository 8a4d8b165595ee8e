/** The table of routes of the HTTP interface, version 1. */
import { z } from "zod";
import { eventFormats, type Services } from "../../runtime/ports/services.ts";
import { PROBLEMS_HEADER, TRUNCATED_HEADER } from "./answer.ts";
import { listRuns, startRun } from "./batch_runs.ts";
import { catalogFormats, listCatalogs, putCatalog, readCatalog } from "./catalogs.ts";
import { BYTES_TYPE, listDeadLetters, oneDeadLetter } from "./dead_letters.ts";
import { acceptDrift, listDrift } from "./drift.ts";
import { eventTypes, listEvents, takeEvents } from "./events.ts";
import { liveMetric } from "./live.ts";
import { openApi } from "./openapi.ts";
import { PROMETHEUS_TYPE, prometheusMetrics } from "./prometheus.ts";
import { metricQuery, seriesQuery } from "./query_params.ts";
import { Problem } from "./problem.ts";
import { readiness } from "./readiness.ts";
import { objectOf } from "./request_body.ts";
import { type Asked, type Route, route } from "./route.ts";
import * as schemas from "./schemas.ts";
import { runSql, sqlTypes } from "./sql.ts";

/** Limits that differ by installation. */
export interface RouteLimits {
  /** The largest body of events, in bytes. */
  readonly maxEventBytes: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** Every route; what serves, documents and limits the API reads this and nothing else. */
export function routesOf(services: Services, { maxEventBytes }: RouteLimits): Route[] {
  const routes = [
    ...eventRoutes(services, maxEventBytes),
    ...metricRoutes(services),
    ...batchRoutes(services),
    ...driftRoutes(services),
    ...deadLetterRoutes(services),
    ...catalogRoutes(services),
    ...pluginRoutes(services),
    ...processRoutes(services),
  ];
  const document: Route = route({
    ...{ id: "getOpenApi", at: "GET /api/v1/openapi.json", tag: "Process" },
    summary: "Get this OpenAPI document",
    answer: z.record(z.string(), z.unknown()),
    cache: "no-cache",
    handle: async (): Promise<Record<string, unknown>> => {
      const { version } = await services.status();
      return openApi({ routes: [...routes, document], version });
    },
  });
  return [...routes, document];
}

function eventRoutes(services: Services, maxEventBytes: number): Route[] {
  const tag = "Events";
  return [
    route({
      ...{ id: "sendEvents", at: "POST /api/v1/events", tag },
      summary: "Ingest events",
      description:
        "Answers when all events are durable. Retries are safe: an event with the same id and " +
        "timestamp counts once.",
      query: z.object({
        topic: z.string().optional().meta({ description: "Default: the only topic" }),
        format: z.enum(eventFormats).optional().meta({
          description: "Default: from content-type; required for text/plain",
        }),
      }),
      body: {
        ...{ types: Object.keys(eventTypes), maxBytes: maxEventBytes, required: true },
        summary:
          "One JSON object per line, a JSON array, CSV with a header, or MovieLens ratings; " +
          "content-encoding may be gzip or zstd",
      },
      access: "write",
      timeoutMs: null,
      answer: schemas.ingestAnswer,
      handle: (asked) => takeEvents(services, asked),
    }),
    route({
      ...{ id: "listEvents", at: "GET /api/v1/events", tag },
      summary: "List the newest records",
      query: schemas.eventParameters,
      answer: schemas.eventList,
      handle: (asked) => listEvents(services, asked),
    }),
  ];
}

function metricRoutes(services: Services): Route[] {
  const { serving } = services;
  const tag = "Metrics";
  const names = () => Promise.resolve(serving.metrics().map(({ name }) => name));
  const named = {
    pathParams: { name: { description: "Name of the metric", names } },
    keyParams: () => [
      ...new Set(serving.metrics().flatMap(({ keys }) => keys.map(({ name }) => name))),
    ],
    faults: [404],
  };
  const nameOf = ({ c }: Asked) => c.req.param("name")!;
  return [
    route({
      ...{ id: "listMetrics", at: "GET /api/v1/metrics", tag },
      summary: "List metrics",
      cache: "no-cache",
      answer: schemas.metricList,
      handle: () =>
        structuredClone({ metrics: serving.metrics() }) as z.infer<
          typeof schemas.metricList
        >,
    }),
    route({
      ...{ id: "getMetric", at: "GET /api/v1/metrics/{name}", tag, ...named },
      summary: "List rows of a metric",
      description:
        "merged (default) combines the published batch run with the speed layer from its cut " +
        "on. Filter by a key with the key column's name as a parameter. problems lists standing " +
        `problems that affect the answer; for CSV their codes are in ${PROBLEMS_HEADER}.`,
      query: schemas.metricParameters,
      cache: "no-cache",
      answer: schemas.metricAnswer,
      table: (answer) => answer,
      async handle(asked) {
        const answer = await serving.query(nameOf(asked), metricQuery(asked.params), asked.signal);
        const { columns, rows, problems } = answer;
        return { ...answer, columns: [...columns], rows: [...rows], problems: [...problems] };
      },
    }),
    route({
      ...{ id: "getSeries", at: "GET /api/v1/metrics/{name}/series", tag, ...named },
      summary: "Get a time series of a metric",
      query: schemas.seriesParameters,
      cache: "no-cache",
      answer: schemas.seriesAnswer,
      async handle(asked) {
        const answer = await serving.series(nameOf(asked), seriesQuery(asked.params), asked.signal);
        const series = answer.series.map(({ key, values }) => ({ key, values: [...values] }));
        return { ...answer, time: [...answer.time], series, problems: [...answer.problems] };
      },
    }),
    route({
      ...{ id: "followMetric", at: "GET /api/v1/metrics/{name}/live", tag, ...named },
      summary: "Follow the rows of a metric (server-sent events)",
      description:
        "Sends a snapshot, then at most once per second the changed rows and the keys of " +
        "removed rows (removed); both are empty when only the frontier moved. Clients sort the rows. " +
        "Resumes from Last-Event-ID while the server still knows it, otherwise sends a new snapshot.",
      query: schemas.metricParameters.omit({ wait_for: true, after: true }).extend({
        last_event_id: z.string().optional().meta({
          description: "Same as the Last-Event-ID header, which takes precedence",
        }),
      }),
      timeoutMs: null,
      answer: null,
      otherAnswers: ["text/event-stream"],
      handle: (asked) => liveMetric(services, asked),
    }),
  ];
}

function batchRoutes(services: Services): Route[] {
  const tag = "Batch";
  const topic = z.string().optional().meta({ description: "Topic" });
  return [
    route({
      ...{ id: "listBatchRuns", at: "GET /api/v1/batch/runs", tag },
      summary: "List the newest batch runs",
      query: z.object({
        limit: z.number().int().min(1).max(1000).optional().meta({ description: "Default 20" }),
        topic,
      }),
      answer: schemas.runList,
      handle: (asked) => listRuns(services, asked),
    }),
    route({
      ...{ id: "startBatchRun", at: "POST /api/v1/batch/runs", tag },
      summary: "Run the batch layer now",
      description:
        "Answers when the run has finished. The run continues if the client disconnects.",
      query: z.object({
        full: z.enum(["true", "false"]).optional().meta({
          description: "Recompute all days from the archive",
        }),
        topic,
      }),
      body: {
        ...{ types: ["application/json"], maxBytes: 64 * KIB, required: false },
        summary: "The same parameters as a JSON object; optional",
        schema: z.strictObject({ full: z.boolean().optional() }),
      },
      access: "write",
      timeoutMs: null,
      answer: schemas.runAnswer,
      handle: (asked) => startRun(services, asked),
    }),
  ];
}

function deadLetterRoutes(services: Services): Route[] {
  const tag = "Dead letters";
  return [
    route({
      ...{ id: "listDeadLetters", at: "GET /api/v1/dead-letters", tag },
      summary: "List dead letters, newest first",
      query: schemas.deadLetterParameters,
      answer: schemas.deadLetterList,
      table: ({ dead_letters: rows }) => ({
        columns: Object.keys(schemas.deadLetterList.shape.dead_letters.element.shape)
          .map((name) => ({ name })),
        rows,
      }),
      handle: (asked) => listDeadLetters(services, asked),
    }),
    route({
      ...{ id: "getDeadLetter", at: "GET /api/v1/dead-letters/{topic}/{partition}/{offset}", tag },
      summary: "Get a dead letter with its bytes",
      pathParams: {
        topic: { description: "Topic", names: () => Promise.resolve([...services.batch.keys()]) },
        partition: { description: "Partition", max: 4_294_967_295 },
        offset: { description: "Offset", max: Number.MAX_SAFE_INTEGER },
      },
      faults: [404],
      answer: schemas.deadLetter,
      otherAnswers: [BYTES_TYPE],
      handle: (asked) => oneDeadLetter(services, asked),
    }),
  ];
}

function driftRoutes(services: Services): Route[] {
  const tag = "Drift";
  return [
    route({
      ...{ id: "listDrift", at: "GET /api/v1/drift", tag },
      summary: "List event days on which the speed and batch layers differ",
      description:
        "By metric and day, including accepted days, each with the first differing buckets and " +
        "keys. A day leaves the list when a run finds both layers equal.",
      query: schemas.driftParameters,
      faults: [404],
      answer: schemas.driftList,
      handle: (asked) => listDrift(services, asked),
    }),
    route({
      ...{ id: "acceptDrift", at: "POST /api/v1/drift/accept", tag },
      summary: "Accept a known difference",
      description: "Clears the problem until a run measures a different value for the day.",
      body: {
        ...{ types: ["application/json"], maxBytes: 16 * KIB, required: true },
        summary: "Days, operator and reason",
        schema: schemas.driftAcceptance,
      },
      access: "write",
      faults: [404],
      answer: schemas.driftAccepted,
      handle: (asked) => acceptDrift(services, asked),
    }),
  ];
}

function catalogRoutes(services: Services): Route[] {
  const tag = "Catalogs";
  const names = async () => (await services.catalogs.list()).map(({ name }) => name);
  const named = {
    pathParams: { name: { description: "Name of the catalog", names } },
    faults: [404],
  };
  return [
    route({
      ...{ id: "listCatalogs", at: "GET /api/v1/catalogs", tag },
      summary: "List catalogs",
      cache: "no-cache",
      answer: schemas.catalogList,
      handle: (asked) => listCatalogs(services, asked),
    }),
    route({
      ...{ id: "getCatalog", at: "GET /api/v1/catalogs/{name}", tag, ...named },
      summary: "List rows of a catalog, by key",
      query: schemas.catalogParameters,
      cache: "no-cache",
      answer: schemas.catalogPage,
      table: (answer) => answer,
      handle: (asked) => readCatalog(services, asked),
    }),
    route({
      ...{ id: "putCatalog", at: "PUT /api/v1/catalogs/{name}", tag, ...named },
      summary: "Replace a catalog, atomically",
      body: {
        ...{ types: Object.keys(catalogFormats), maxBytes: 64 * MIB, required: true },
        summary: "Its rows as JSON objects or as CSV with a header (a list's texts have | between)",
      },
      access: "write",
      timeoutMs: null,
      answer: schemas.catalogPut,
      handle: (asked) => putCatalog(services, asked),
    }),
  ];
}

function pluginRoutes({ plugins, status, prunePlugins }: Services): Route[] {
  const tag = "Plugins";
  const names = () => Promise.resolve([...plugins.keys()]);
  return [
    route({
      ...{ id: "getPlugin", at: "GET /api/v1/plugins/{name}", tag },
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
      ...{ id: "prunePlugins", at: "POST /api/v1/plugins/prune", tag },
      summary: "Drop tables and relations of removed plugins and replaced generations",
      access: "write",
      timeoutMs: null,
      answer: schemas.pruned,
      handle: async () => ({ removed: await prunePlugins() }),
    }),
  ];
}

function processRoutes(services: Services): Route[] {
  const tag = "Process";
  return [
    route({
      ...{ id: "runSql", at: "POST /api/v1/sql", tag: "SQL" },
      summary: "Run one SELECT, EXPLAIN, SHOW or DESCRIBE statement",
      description:
        "Read-only, bounded in time, memory, rows and bytes. Rows are streamed. The body is the " +
        "statement as plain text, or a JSON object with it. CSV cut at the row limit has the header " +
        `${TRUNCATED_HEADER}: true.`,
      body: {
        ...{ types: sqlTypes, maxBytes: 256 * KIB, required: true },
        summary: "The statement",
        schema: schemas.sqlQuestion,
      },
      query: schemas.sqlParameters,
      access: "sql",
      timeoutMs: 60_000,
      answer: schemas.sqlAnswer,
      table: (answer) => answer,
      handle: (asked) => runSql(services, asked),
    }),
    route({
      ...{ id: "verify", at: "POST /api/v1/verify", tag },
      summary: "Verify stored data against its checksums",
      description:
        "Reads archive, log and tables completely, unless fast is set. Answers when finished. " +
        "Findings become problems of the process.",
      query: z.object({
        fast: z.enum(["true", "false"]).optional().meta({
          description: "Names, sizes and counts only; default false",
        }),
      }),
      access: "write",
      timeoutMs: null,
      answer: schemas.verifyReport,
      handle: async ({ params, signal }) => {
        const report = await services.verification.verify({ fast: params.fast === "true", signal });
        return structuredClone(report) as z.infer<typeof schemas.verifyReport>;
      },
    }),
    route({
      ...{ id: "acceptDamage", at: "POST /api/v1/verify/accept", tag },
      summary: "Give up a damaged archive file",
      description:
        "Permanent: its events are not counted from the next run of their day on. The file must " +
        "be damaged and listed by a manifest.",
      body: {
        ...{ types: ["application/json"], maxBytes: 16 * KIB, required: true },
        summary: "File, operator and reason",
        schema: schemas.damageAcceptance,
      },
      access: "write",
      timeoutMs: null,
      faults: [404],
      answer: schemas.acceptedDamage,
      async handle({ c, maxBodyBytes }) {
        const damage = await objectOf(schemas.damageAcceptance, c.req.raw, maxBodyBytes);
        return { ...await services.verification.accept(damage) };
      },
    }),
    route({
      ...{ id: "getStatus", at: "GET /api/v1/status", tag },
      summary: "Get the status: partitions, plugins and problems",
      description:
        "Answers within seconds even if a service is down; unreached lists such services.",
      answer: schemas.status,
      handle: async () =>
        structuredClone(await services.status()) as z.infer<typeof schemas.status>,
    }),
    route({
      ...{ id: "getHealth", at: "GET /healthz", tag },
      summary: "Liveness: 200 while the process answers",
      answer: z.object({ status: z.literal("ok") }),
      handle: () => ({ status: "ok" as const }),
    }),
    route({
      ...{ id: "getReadiness", at: "GET /readyz", tag },
      summary:
        "Readiness: 200 when all partitions are read and all services respond, otherwise 503 with reasons",
      description: "Without a read token, where reading needs one, problems have no message.",
      answer: schemas.readiness,
      handle: (asked) => readiness(services, asked),
    }),
    route({
      ...{ id: "getPrometheusMetrics", at: "GET /metrics", tag },
      summary: "Metrics in Prometheus format",
      answer: null,
      otherAnswers: [PROMETHEUS_TYPE.split(";")[0]],
      handle: () => prometheusMetrics(services),
    }),
  ];
}
