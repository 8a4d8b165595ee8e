import { createHash } from "node:crypto";
import { extname } from "node:path";
import type { Middleware } from "./define.ts";

const types = new Map([
  [".css", "text/css; charset=utf-8"],
  [".ico", "image/x-icon"],
  [".js", "text/javascript; charset=utf-8"],
  [".png", "image/png"],
  [".svg", "image/svg+xml"],
  [".woff2", "font/woff2"],
]);

/** Where the browser finds what islands are bundled to. */
export const SCRIPTS = "/_fresh/js/";

/** Serves what islands are bundled to (by hashed names, kept for ever) and the files of `static/`. */
export function staticFiles<State>(): Middleware<State> {
  return async (ctx) => {
    const { req, site, url: { pathname } } = ctx;
    const type = types.get(extname(pathname));
    if (type === undefined || !["GET", "HEAD"].includes(req.method)) return await ctx.next();
    // Only files that were found when the site was loaded: no path leads elsewhere.
    const file = site.staticFiles.get(pathname);
    const script = pathname.startsWith(SCRIPTS) ? pathname.slice(SCRIPTS.length) : "";
    const bytes = file === undefined ? site.bundle?.files.get(script) : await Deno.readFile(file);
    if (bytes === undefined) return await ctx.next();
    const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
    const headers = {
      "cache-control": file === undefined ? "public, max-age=31536000, immutable" : "no-cache",
      "content-type": type,
      "x-content-type-options": "nosniff",
      etag,
    };
    const known = req.headers.get("if-none-match")?.includes(etag);
    return new Response(known ? null : bytes, { status: known ? 304 : 200, headers });
  };
}
