/** Styles, scripts and icons, from `static/` beside the code, wherever the process was started. */
import { Hono } from "hono";
import { createHash } from "node:crypto";
import { join } from "node:path";

const types: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};

interface StaticFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

/** Serves `/static/<name>` of one folder without subfolders. */
export function createStatic(dir: string = join(import.meta.dirname!, "..", "static")): Hono {
  const files = new Map<string, Promise<StaticFile>>();
  const load = async (name: string): Promise<StaticFile> => {
    const bytes = await Deno.readFile(join(dir, name));
    const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
    return { bytes, etag };
  };
  return new Hono().get("/static/:name{[a-z0-9_]+\\.(?:css|js|svg)}", async (c) => {
    const name = c.req.param("name");
    let file = files.get(name);
    if (file === undefined) {
      // Names that are not there are not kept: anyone can ask for any.
      file = load(name);
      files.set(name, file);
      file.catch(() => files.delete(name));
    }
    const found = await file.catch(() => null);
    if (found === null) return c.notFound();
    const headers = {
      "cache-control": "no-cache",
      "content-type": types[name.slice(name.lastIndexOf(".") + 1)],
      "etag": found.etag,
      "x-content-type-options": "nosniff",
    };
    if (c.req.header("if-none-match") === found.etag) {
      return new Response(null, { status: 304, headers });
    }
    return new Response(found.bytes, { headers });
  });
}
