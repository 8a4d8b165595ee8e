/** Routes of the metrics. */
import { z } from "zod";
import type { Services } from "../../runtime/ports/services.ts";
import { PROBLEMS_HEADER, SPEED_RANGES_HEADER } from "./answer.ts";
import { liveMetric } from "./live.ts";
import { metricQuery, seriesQuery } from "./query_params.ts";
import { type Asked, type Route, route } from "./route.ts";
import * as schemas from "./schemas.ts";

/** The routes tagged Metrics. */
export function metricRoutes(services: Services): Route[] {
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
      id: "listMetrics",
      at: "GET /api/v1/metrics",
      tag,
      summary: "List metrics",
      cache: "no-cache",
      answer: schemas.metricList,
      handle: () =>
        structuredClone({ metrics: serving.metrics() }) as z.infer<
          typeof schemas.metricList
        >,
    }),
    route({
      id: "getMetric",
      at: "GET /api/v1/metrics/{name}",
      tag,
      ...named,
      summary: "List rows of a metric",
      description:
        "merged (default) combines the published batch run with the speed layer from its cut " +
        "on. Filter by a key with the key column's name as a parameter. problems lists standing " +
        `problems that affect the answer; for CSV their codes are in ${PROBLEMS_HEADER}, and ` +
        `speed_ranges in ${SPEED_RANGES_HEADER}. A range whose windows are no longer kept is ` +
        "refused with nearest, the nearest range that can be answered.",
      query: schemas.metricParameters,
      cache: "no-cache",
      answer: schemas.metricAnswer,
      table: (answer) => answer,
      async handle(asked) {
        const answer = await serving.query(nameOf(asked), metricQuery(asked.params), asked.signal);
        const { columns, rows, speed_ranges, problems } = answer;
        return {
          ...answer,
          speed_ranges: [...speed_ranges],
          columns: [...columns],
          rows: [...rows],
          problems: [...problems],
        };
      },
    }),
    route({
      id: "getSeries",
      at: "GET /api/v1/metrics/{name}/series",
      tag,
      ...named,
      summary: "Get a time series of a metric",
      query: schemas.seriesParameters,
      cache: "no-cache",
      answer: schemas.seriesAnswer,
      async handle(asked) {
        const answer = await serving.series(nameOf(asked), seriesQuery(asked.params), asked.signal);
        const series = answer.series.map((line) => ({
          key: line.key,
          values: [...line.values],
          batch: line.batch && [...line.batch],
          speed: line.speed && [...line.speed],
          earlier: line.earlier && {
            values: [...line.earlier.values],
            change: [...line.earlier.change],
            percent: [...line.earlier.percent],
          },
        }));
        const { time, offsets, speed_ranges, problems } = answer;
        return {
          ...answer,
          speed_ranges: [...speed_ranges],
          time: [...time],
          offsets: [...offsets],
          series,
          problems: [...problems],
        };
      },
    }),
    route({
      id: "followMetric",
      at: "GET /api/v1/metrics/{name}/live",
      tag,
      ...named,
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
