/** The whole of what the server answers: the API, the page, the static files. */
import { Hono } from "hono";
import type { Services } from "../runtime/services.ts";
import { type ApiOptions, createApi } from "./api/api.ts";
import { createPages } from "./index.tsx";
import { createStatic } from "./static_files.ts";

/** Options of {@link createApp}. */
export interface AppOptions extends ApiOptions {
  /** Whether there are pages beside the API. Default true. */
  readonly pages?: boolean;
}

/**
 * Creates the app: its `fetch` is what `Deno.serve` takes.
 *
 * @example
 * ```ts ignore
 * const app = createApp(services, { writeToken: "…" });
 * Deno.serve({ port: 8000 }, app.fetch);
 * ```
 */
export function createApp(services: Services, options: AppOptions = {}): Hono {
  const { report = console.error, pages = true } = options;
  const api = createApi(services, options);
  const app = new Hono();
  app.route("/", createStatic());
  if (pages) app.route("/", createPages(services));
  app.onError((error, c) => {
    report(error);
    return c.text("Something went wrong here. The server's log tells more.", 500);
  });
  // The API also answers what nobody knows, and has headers of its own: so it is not a part of
  // this app's routes.
  app.all("*", (c) => api.fetch(c.req.raw));
  return app;
}
