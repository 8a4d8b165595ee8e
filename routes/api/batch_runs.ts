/** Batch runs: their history, starting and cancelling one. */
import { chosenTopic } from "../../runtime/std/chosen_topic.ts";
import { encodeFrontier } from "../../runtime/model/frontier.ts";
import type { BatchLayer, BatchRun, Services } from "../../runtime/ports/services.ts";
import { newestRuns } from "./newest_runs.ts";
import { Problem } from "./problem.ts";
import { wholeNumber } from "./query_params.ts";
import { objectOf, smallObject } from "./request_body.ts";
import type { Asked } from "./route.ts";
import { pluginOperator } from "./schemas.ts";

/** A run with its cut as a token. */
export const toldRun = (run: BatchRun) => ({
  ...run,
  cut: encodeFrontier(run.cut),
  plugins: [...run.plugins],
});

/** `GET /api/v1/batch/runs?limit=&before=&topic=`: the newest runs first. */
export async function listRuns(services: Services, { params: { limit, before, topic } }: Asked) {
  const most = wholeNumber("limit", limit, { from: 1, to: 1000, otherwise: 20 });
  const below = before === undefined
    ? null
    : wholeNumber("before", before, { from: 1, to: 999_999_999, otherwise: 1 });
  const layers = topic === undefined && below === null
    ? [...services.batch.values()]
    : [layerOf(services, topic)];
  return { runs: (await newestRuns(layers, most, below)).map(toldRun) };
}

/**
 * `POST /api/v1/batch/runs`: runs once and answers when it is done. A run goes on when the client
 * leaves.
 */
export async function startRun(services: Services, { c, params, maxBodyBytes }: Asked) {
  const { full: asked, topic } = params;
  const body = await smallObject(c.req.raw, maxBodyBytes);
  const unknown = Object.keys(body).find((field) => field !== "full");
  if (unknown !== undefined) {
    throw new Problem("invalid-request", `Unknown field in the body, allowed: full`, {
      field: unknown,
    });
  }
  const full = asked ?? body.full ?? false;
  if (!["true", "false", true, false].includes(full as string | boolean)) {
    throw new Problem("invalid-request", "full must be true or false", { field: "full" });
  }
  const run = await layerOf(services, topic).run({ full: String(full) === "true" });
  return { run: run === null ? null : toldRun(run) };
}

/** `POST /api/v1/batch/runs/{run}/cancel`: answers once the run has ended. */
export async function cancelRun(services: Services, { c, params, maxBodyBytes }: Asked) {
  const { by } = await objectOf(pluginOperator, c.req.raw, maxBodyBytes);
  const layer = layerOf(services, params.topic);
  const most = Number.MAX_SAFE_INTEGER - 1;
  const run = wholeNumber("run", c.req.param("run"), { from: 1, to: most, otherwise: 1 });
  return { run: toldRun(await layer.cancel(run, by)) };
}

function layerOf({ batch }: Services, topic: string | undefined): BatchLayer {
  return batch.get(chosenTopic("Cannot choose batch runs", [...batch.keys()], topic))!;
}
