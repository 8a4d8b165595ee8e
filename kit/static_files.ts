import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Bundle } from "./bundle.ts";
import type { Middleware } from "./define.ts";

const types: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  json: "application/json; charset=utf-8",
  map: "application/json; charset=utf-8",
  png: "image/png",
  svg: "image/svg+xml",
  txt: "text/plain; charset=utf-8",
  woff2: "font/woff2",
};

/** Where the browser finds what islands are bundled to. */
export const SCRIPTS = "/_fresh/js/";

/** Serves what islands are bundled to (by hashed names, kept for ever) and the files of `static/`. */
export function staticFiles<State>(): Middleware<State> {
  return async (ctx) => {
    const { method } = ctx.req;
    const path = ctx.url.pathname;
    const type = types[path.slice(path.lastIndexOf(".") + 1)];
    if (type === undefined || (method !== "GET" && method !== "HEAD")) return await ctx.next();
    const { bundle, staticDir } = ctx.site;
    const bytes = path.startsWith(SCRIPTS)
      ? scriptOf(bundle, path.slice(SCRIPTS.length))
      : await fileOf(staticDir, path);
    if (bytes === null) return await ctx.next();
    const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
    const headers = new Headers({
      "cache-control": path.startsWith(SCRIPTS)
        ? "public, max-age=31536000, immutable"
        : "no-cache",
      ...{ "content-type": type, etag, "x-content-type-options": "nosniff" },
    });
    if (ctx.req.headers.get("if-none-match")?.includes(etag)) {
      return new Response(null, { status: 304, headers });
    }
    return new Response(method === "HEAD" ? null : bytes, { headers });
  };
}

const scriptOf = (bundle: Bundle | null, name: string) => bundle?.files.get(name) ?? null;

/** A file below the folder; names with anything but letters, digits, `.`, `_`, `-` are none. */
async function fileOf(dir: string, path: string): Promise<Uint8Array<ArrayBuffer> | null> {
  if (!/^(\/[\w-][\w.-]*)+$/.test(path)) return null;
  try {
    return await Deno.readFile(join(dir, path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.IsADirectory) {
      return null;
    }
    throw error;
  }
}
