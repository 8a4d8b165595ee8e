/** The data of a metric's page, which the page reads again when the metric has changed. */
import { HttpError } from "fresh";
import { define } from "../../(_shared)/define.ts";
import { readMetric, viewOf } from "../../(_shared)/metric_view.ts";

export const handler = define.handlers({
  async GET({ params, url, state: { services, signal } }) {
    const info = services.serving.metrics().find(({ name }) => name === params.name);
    if (info === undefined) throw new HttpError(404, `Unknown metric ${params.name}.`);
    const status = await services.status().catch(() => null);
    const view = viewOf(url.searchParams, info, status);
    return Response.json(await readMetric(services, info, view, status, signal), {
      headers: { "cache-control": "no-store", "x-content-type-options": "nosniff" },
    });
  },
});
