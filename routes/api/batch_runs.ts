/** Batch runs: their history, and starting one. */
import { encodeFrontier } from "../../runtime/model/frontier.ts";
import type { BatchLayer, BatchRun, Services } from "../../runtime/ports/services.ts";
import { newestRuns } from "./newest_runs.ts";
import { Problem } from "./problem.ts";
import { wholeNumber } from "./query_params.ts";
import { smallObject } from "./request_body.ts";
import type { Asked } from "./route.ts";

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

function layerOf(services: Services, topic: string | undefined): BatchLayer {
  const topics = [...services.batch.keys()];
  const only = topics.length === 1 ? topics[0] : undefined;
  const layer = services.batch.get(topic ?? only ?? "");
  if (layer !== undefined) return layer;
  const got = topic === undefined ? "none" : JSON.stringify(topic.slice(0, 80));
  const detail = `topic must be one of ${topics.join(", ")}, got ${got}`;
  throw new Problem("invalid-request", detail, { field: "topic" });
}
