/** The table of routes of the HTTP interface, version 1. */
import { z } from "zod";
import type { Services } from "../../runtime/ports/services.ts";
import { openApi } from "./openapi.ts";
import { type Route, route } from "./route.ts";
import { metricRoutes } from "./metric_routes.ts";
import { deadLetterRoutes, eventRoutes } from "./record_routes.ts";
import { batchRoutes, driftRoutes } from "./batch_routes.ts";
import { catalogRoutes, pluginRoutes } from "./state_routes.ts";
import { processRoutes } from "./process_routes.ts";

/** Limits that differ by installation. */
export interface RouteLimits {
  /** The largest body of events, in bytes. */
  readonly maxEventBytes: number;
}

/** Every route; what serves, documents and limits the API reads this and nothing else. */
export function routesOf(services: Services, limits: RouteLimits): Route[] {
  const routes = [
    ...eventRoutes(services, limits.maxEventBytes),
    ...metricRoutes(services),
    ...batchRoutes(services),
    ...driftRoutes(services),
    ...deadLetterRoutes(services),
    ...catalogRoutes(services),
    ...pluginRoutes(services),
    ...processRoutes(services),
  ];
  const document: Route = route({
    id: "getOpenApi",
    at: "GET /api/v1/openapi.json",
    tag: "Process",
    summary: "Get this OpenAPI document",
    answer: z.record(z.string(), z.unknown()),
    cache: "no-cache",
    handle: async (): Promise<Record<string, unknown>> => {
      const { version } = await services.status();
      return openApi({ routes: routesOf(services, limits), version });
    },
  });
  return [...routes, document];
}
