/** Routes of batch runs and of drift. */
import { z } from "zod";
import type { Services } from "../../runtime/ports/services.ts";
import { cancelRun, listRuns, startRun } from "./batch_runs.ts";
import { acceptDrift, listDrift } from "./drift.ts";
import { type Route, route } from "./route.ts";
import * as schemas from "./schemas.ts";

const KIB = 1024;

/** The routes tagged Batch. */
export function batchRoutes(services: Services): Route[] {
  const tag = "Batch";
  const topic = z.string().optional().meta({ description: "Topic" });
  return [
    route({
      id: "listBatchRuns",
      at: "GET /api/v1/batch/runs",
      tag,
      summary: "List batch runs, the newest first, with those under way",
      query: z.object({
        limit: z.number().int().min(1).max(1000).optional().meta({ description: "Default 20" }),
        before: z.number().int().min(1).optional().meta({
          description: "Only runs with lower numbers; name the topic where there are several",
        }),
        topic,
      }),
      answer: schemas.runList,
      handle: (asked) => listRuns(services, asked),
    }),
    route({
      id: "startBatchRun",
      at: "POST /api/v1/batch/runs",
      tag,
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
        types: ["application/json"],
        maxBytes: 64 * KIB,
        required: false,
        summary: "The same parameters as a JSON object; optional",
        schema: z.strictObject({ full: z.boolean().optional() }),
      },
      access: "write",
      timeoutMs: null,
      answer: schemas.runAnswer,
      handle: (asked) => startRun(services, asked),
    }),
    route({
      id: "cancelBatchRun",
      at: "POST /api/v1/batch/runs/{run}/cancel",
      tag,
      summary: "Cancel a batch run in any process",
      description:
        "Responds once the run has ended. Metrics that were already published stay published; all " +
        "other output is removed. Returns 400 if the run has ended or published everything.",
      pathParams: { run: { description: "Number of the run", max: Number.MAX_SAFE_INTEGER } },
      query: z.object({ topic }),
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
      answer: schemas.runCancelled,
      handle: (asked) => cancelRun(services, asked),
    }),
  ];
}

/** The routes tagged Drift. */
export function driftRoutes(services: Services): Route[] {
  const tag = "Drift";
  return [
    route({
      id: "listDrift",
      at: "GET /api/v1/drift",
      tag,
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
      id: "acceptDrift",
      at: "POST /api/v1/drift/accept",
      tag,
      summary: "Accept a known difference",
      description: "Clears the problem until a run measures a different value for the day.",
      body: {
        types: ["application/json"],
        maxBytes: 16 * KIB,
        required: true,
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
