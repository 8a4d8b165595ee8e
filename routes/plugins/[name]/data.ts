/** The data of a metric's page, which the page reads again when the metric has changed. */
import { createHash } from "node:crypto";
import { HttpError } from "fresh";
import { define } from "../../(_shared)/define.ts";
import { readMetric, viewOf } from "../../(_shared)/metric_view.ts";

export const handler = define.handlers({
  async GET({ params, req, url, state: { services, signal } }) {
    const { serving } = services;
    const info = serving.metrics().find(({ name }) => name === params.name);
    if (info === undefined) throw new HttpError(404, `Unknown metric ${params.name}.`);
    // Read first: an answer may have more than its tag says, never less.
    const etag = `"${sha256(await serving.position(info.name))}"`;
    const headers = { etag, "cache-control": "no-store", "x-content-type-options": "nosniff" };
    if (req.headers.get("if-none-match") === etag) {
      return new Response(null, { status: 304, headers });
    }
    const status = await services.status().catch(() => null);
    const view = viewOf(url.searchParams, info, status);
    return Response.json(await readMetric(services, info, view, status, signal), { headers });
  },
});

const sha256 = (text: string) => createHash("sha256").update(text).digest("base64url");
