/** Routes of the SQL console, of verification and of the process itself. */
import { z } from "zod";
import type { Services } from "../../runtime/ports/services.ts";
import { TRUNCATED_HEADER } from "./answer.ts";
import { PROMETHEUS_TYPE, prometheusMetrics } from "./prometheus.ts";
import { readiness } from "./readiness.ts";
import { searchFor } from "../(_shared)/search.ts";
import { wholeNumber } from "./query_params.ts";
import { objectOf } from "./request_body.ts";
import { type Route, route } from "./route.ts";
import * as schemas from "./schemas.ts";
import { runSql, sqlTypes } from "./sql.ts";

const KIB = 1024;

/** The routes tagged Process. */
export function processRoutes(services: Services): Route[] {
  const tag = "Process";
  return [
    route({
      id: "runSql",
      at: "POST /api/v1/sql",
      tag: "SQL",
      summary: "Run one SELECT, EXPLAIN, SHOW or DESCRIBE statement",
      description:
        "Read-only, bounded in time, memory, rows and bytes. Rows are streamed. The body is the " +
        "statement as plain text, or a JSON object with it. CSV cut at the row limit has the header " +
        `${TRUNCATED_HEADER}: true.`,
      body: {
        types: sqlTypes,
        maxBytes: 256 * KIB,
        required: true,
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
      id: "search",
      at: "GET /api/v1/search",
      tag,
      summary: "Search pages, metrics, measures, relations and catalog entries",
      description: "The best matches first. Without words: pages and metrics.",
      query: schemas.searchParameters,
      answer: schemas.searchAnswer,
      async handle({ params, signal }) {
        const limits = { from: 1, to: 100, otherwise: 20 };
        const limit = wholeNumber("limit", params.limit, limits);
        const { items, more } = await searchFor(services, params.q ?? "", limit, signal);
        return { items: [...items], more };
      },
    }),
    route({
      id: "verify",
      at: "POST /api/v1/verify",
      tag,
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
      id: "acceptDamage",
      at: "POST /api/v1/verify/accept",
      tag,
      summary: "Give up a damaged archive file",
      description:
        "Permanent: its events are not counted from the next run of their day on. The file must " +
        "be damaged and listed by a manifest.",
      body: {
        types: ["application/json"],
        maxBytes: 16 * KIB,
        required: true,
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
      id: "getStatus",
      at: "GET /api/v1/status",
      tag,
      summary: "Get the status: partitions, plugins and problems",
      description:
        "Answers within seconds even if a service is down; unreached lists such services.",
      answer: schemas.status,
      handle: async () =>
        structuredClone(await services.status()) as z.infer<typeof schemas.status>,
    }),
    route({
      id: "getMemory",
      at: "GET /api/v1/status/memory",
      tag,
      summary: "Get what the memory of the process consists of",
      description:
        "The parts add up to the resident memory. The page cache belongs to the kernel and is " +
        "not part of it. Memory that is reserved but was never used is not resident: where parts " +
        "have such memory, their sum may exceed the total.",
      answer: schemas.memory,
      handle: async () =>
        structuredClone(await services.memory()) as z.infer<typeof schemas.memory>,
    }),
    route({
      id: "getHealth",
      at: "GET /healthz",
      tag,
      summary: "Liveness: 200 while the process answers",
      answer: z.object({ status: z.literal("ok") }),
      handle: () => ({ status: "ok" as const }),
    }),
    route({
      id: "getReadiness",
      at: "GET /readyz",
      tag,
      summary:
        "Readiness: 200 when all partitions are read and all services respond, otherwise 503 with reasons",
      description: "Without a read token, where reading needs one, problems have no message.",
      answer: schemas.readiness,
      handle: (asked) => readiness(services, asked),
    }),
    route({
      id: "getPrometheusMetrics",
      at: "GET /metrics",
      tag,
      summary: "Metrics in Prometheus format",
      answer: null,
      otherAnswers: [PROMETHEUS_TYPE.split(";")[0]],
      handle: () => prometheusMetrics(services),
    }),
  ];
}
