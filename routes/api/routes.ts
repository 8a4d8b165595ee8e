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
    summary: "This document",
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
      summary: "Takes events in",
      description:
        "Answers once everything is durable. Sending an event again is harmless: it is " +
        "its id and its instant, and counts once.",
      query: z.object({
        topic: z.string().optional().meta({ description: "Default the only one" }),
        format: z.enum(eventFormats).optional().meta({
          description: "Default as content-type says; text/plain says none",
        }),
      }),
      body: {
        ...{ types: Object.keys(eventTypes), maxBytes: maxEventBytes, required: true },
        summary: "One JSON object per line, a JSON array of them, CSV under a header, or ratings " +
          "as MovieLens has them; content-encoding may be gzip or zstd",
      },
      access: "write",
      timeoutMs: null,
      answer: schemas.ingestAnswer,
      handle: (asked) => takeEvents(services, asked),
    }),
    route({
      ...{ id: "listEvents", at: "GET /api/v1/events", tag },
      summary: "The newest records",
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
      summary: "The metrics that there are",
      cache: "no-cache",
      answer: schemas.metricList,
      handle: () =>
        structuredClone({ metrics: serving.metrics() }) as z.infer<
          typeof schemas.metricList
        >,
    }),
    route({
      ...{ id: "getMetric", at: "GET /api/v1/metrics/{name}", tag, ...named },
      summary: "A metric's rows",
      description: "merged (default) is the published batch run and the speed layer from its cut " +
        "on, both exact. A key column's name as a parameter asks for one key. problems lists what " +
        `Twofold cannot vouch for in the answer; CSV has their codes in ${PROBLEMS_HEADER}.`,
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
      summary: "A metric over time, in columns",
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
      summary: "A metric's rows as they change (server-sent events)",
      description: "First a snapshot, then at most once a second the rows that changed and the " +
        "keys (removed) of those that are gone, or neither where only the frontier moved; in the " +
        "question's order after sorting. Goes on from Last-Event-ID where that is still known, else begins again with a snapshot.",
      query: schemas.metricParameters.omit({ wait_for: true, after: true }).extend({
        last_event_id: z.string().optional().meta({
          description: "As the header Last-Event-ID, which wins",
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
      summary: "The newest batch runs",
      query: z.object({
        limit: z.number().int().min(1).max(1000).optional().meta({ description: "Default 20" }),
        topic,
      }),
      answer: schemas.runList,
      handle: (asked) => listRuns(services, asked),
    }),
    route({
      ...{ id: "startBatchRun", at: "POST /api/v1/batch/runs", tag },
      summary: "Runs the batch now",
      description: "Answers when the run is done; it goes on when the client leaves.",
      query: z.object({
        full: z.enum(["true", "false"]).optional().meta({
          description: "Recompute everything from the archive alone",
        }),
        topic,
      }),
      body: {
        ...{ types: ["application/json"], maxBytes: 64 * KIB, required: false },
        summary: "The same as an object; may be left out",
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
      summary: "Records that could not be decoded, the newest first",
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
      summary: "One of them, with its bytes",
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
      summary: "The event days on which the speed and the batch layer differ",
      description: "By metric and day, accepted ones included, each with the first buckets and " +
        "keys that differ. A day is gone from the list when a run has found it equal.",
      query: schemas.driftParameters,
      faults: [404],
      answer: schemas.driftList,
      handle: (asked) => listDrift(services, asked),
    }),
    route({
      ...{ id: "acceptDrift", at: "POST /api/v1/drift/accept", tag },
      summary: "Accepts a known difference",
      description: "It is no problem any more, until a run measures another difference of the day.",
      body: {
        ...{ types: ["application/json"], maxBytes: 16 * KIB, required: true },
        summary: "Which days, who and why",
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
      summary: "The catalogs that there are",
      cache: "no-cache",
      answer: schemas.catalogList,
      handle: (asked) => listCatalogs(services, asked),
    }),
    route({
      ...{ id: "getCatalog", at: "GET /api/v1/catalogs/{name}", tag, ...named },
      summary: "A catalog's rows, by key",
      query: schemas.catalogParameters,
      cache: "no-cache",
      answer: schemas.catalogPage,
      table: (answer) => answer,
      handle: (asked) => readCatalog(services, asked),
    }),
    route({
      ...{ id: "putCatalog", at: "PUT /api/v1/catalogs/{name}", tag, ...named },
      summary: "Replaces a catalog, all of it or nothing",
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
      summary: "A plugin: its state, its source, its SQL, its relations",
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
      summary: "Removes tables and relations of removed plugins and of replaced generations",
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
      summary: "Runs one SELECT, EXPLAIN, SHOW or DESCRIBE",
      description:
        "Read-only, bounded in time, memory, rows and bytes; rows are sent as they are made. Plain " +
        "text is the statement itself, JSON an object with it. CSV that lacks rows beyond the limit has the header " +
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
      summary: "Compares what is stored with what was written",
      description: "Reads archive, log and tables, unless fast is set. Answers when it is done. " +
        "What it finds becomes a problem of the process.",
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
      summary: "Goes on without a damaged file of the archive",
      description: "For good: its events count nowhere from the next run of their day on. The " +
        "file must be damaged, and a manifest must list it.",
      body: {
        ...{ types: ["application/json"], maxBytes: 16 * KIB, required: true },
        summary: "Which file, who and why",
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
      summary: "Partitions, plugins, problems",
      description: "Answers within seconds whatever is not reached; unreached says what that is.",
      answer: schemas.status,
      handle: async () =>
        structuredClone(await services.status()) as z.infer<typeof schemas.status>,
    }),
    route({
      ...{ id: "getHealth", at: "GET /healthz", tag },
      summary: "200 as long as the process answers",
      answer: z.object({ status: z.literal("ok") }),
      handle: () => ({ status: "ok" as const }),
    }),
    route({
      ...{ id: "getReadiness", at: "GET /readyz", tag },
      summary: "200 when every partition is read and every part reached, else 503 and why",
      description: "Without a read token, where reading needs one, problems have no message.",
      answer: schemas.readiness,
      handle: (asked) => readiness(services, asked),
    }),
    route({
      ...{ id: "getPrometheusMetrics", at: "GET /metrics", tag },
      summary: "The status for Prometheus",
      answer: null,
      otherAnswers: [PROMETHEUS_TYPE.split(";")[0]],
      handle: () => prometheusMetrics(services),
    }),
  ];
}
