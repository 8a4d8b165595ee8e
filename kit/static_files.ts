import { createHash } from "node:crypto";
import { getMimeType } from "hono/utils/mime";
import type { Middleware } from "./define.ts";

/** The path of the islands' bundled scripts. */
export const SCRIPTS = "/_fresh/js/";

/** Serves the islands' scripts (hashed names, cached forever) and the files of `static/`. */
export function staticFiles<State>(): Middleware<State> {
  return async (ctx) => {
    const { req, site, url: { pathname } } = ctx;
    if (!["GET", "HEAD"].includes(req.method)) return await ctx.next();
    // Only files that were found when the site was loaded: no path leads out of static/.
    const file = site.staticFiles.get(pathname);
    const script = pathname.startsWith(SCRIPTS) ? pathname.slice(SCRIPTS.length) : "";
    const bytes = file === undefined ? site.bundle?.files.get(script) : await Deno.readFile(file);
    if (bytes === undefined) return await ctx.next();
    const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
    const headers = {
      "cache-control": file === undefined ? "public, max-age=31536000, immutable" : "no-cache",
      "content-type": getMimeType(pathname) ?? "application/octet-stream",
      "x-content-type-options": "nosniff",
      etag,
    };
    const known = req.headers.get("if-none-match")?.includes(etag);
    return new Response(known ? null : bytes, { status: known ? 304 : 200, headers });
  };
}
