/** A site in development: what changes in its folders is on every open page at once. */
import { build } from "./esbuild.ts";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Middleware } from "fresh";
import { type BuildCache, loadBuildCache, siteFiles, type SiteFolder } from "kit/loading";
import { bundleIslands, language } from "./bundler.ts";

export { bundleIslands, writeBundle } from "./bundler.ts";

/** A site that follows its files. */
export interface DevSite extends BuildCache {
  /** Adds to every page what keeps it up to date. To be used before all others. */
  middleware<State>(): Middleware<State>;
  /** Lets go of the files and the pages; resolves when no build is under way. */
  close(): Promise<void>;
}

/** What pages are told. */
interface News {
  /** Changes with the site: a page of another one loads itself again. */
  readonly version: string;
  readonly styles: number;
  /** Why the files as they are now do not build. */
  readonly fault: string | null;
}

/** Editors write a file in several steps. */
const SETTLED_MS = 30;

/**
 * Opens a site whose pages follow `routes/`, `islands/` and `static/` while the process runs on.
 * What lies outside is imported once, so that the pages work on the state of the process;
 * `import.meta` in a route is that of a temporary module.
 *
 * @throws what does not build or load now; later faults are logged and shown on the pages, and the
 * last site that was whole answers.
 */
export async function openDevSite(options: SiteFolder): Promise<DevSite> {
  const pages = new Set<ReadableStreamDefaultController<string>>();
  // What lies outside may use islands, too: it has them as they are now.
  await loadBuildCache({ ...options, bundle: null });
  let site = await buildSite(options);
  let news: News = { version: crypto.randomUUID(), styles: 0, fault: null };
  const message = () => `data: ${JSON.stringify(news)}\n\n`;

  const follow = async (paths: readonly string[]) => {
    if (paths.every((path) => path.endsWith(".css"))) {
      news = { ...news, styles: news.styles + 1 };
    } else {
      try {
        site = await buildSite(options);
        news = { ...news, version: crypto.randomUUID(), fault: null };
      } catch (error) {
        console.error(error);
        news = { ...news, fault: String(error) };
      }
    }
    for (const page of pages) page.enqueue(message());
  };
  const unwatch = watch(options.root, follow);

  const alive = () => {
    let page: ReadableStreamDefaultController<string>;
    const stream = new ReadableStream<string>({
      start(controller) {
        pages.add(page = controller);
        page.enqueue(message());
      },
      cancel: () => void pages.delete(page),
    });
    const headers = { "content-type": "text/event-stream", "cache-control": "no-store" };
    return new Response(stream.pipeThrough(new TextEncoderStream()), { headers });
  };

  return {
    get site() {
      return site;
    },
    middleware: () => async (ctx) => {
      if (ctx.url.pathname === "/_fresh/alive") return alive();
      if (ctx.url.pathname === "/_fresh/dev.js") {
        const headers = { "content-type": "text/javascript", "cache-control": "no-store" };
        return new Response(`(${followSite})()`, { headers });
      }
      // Before the page is rendered: if the site changes meanwhile, it loads once too often.
      const { version, styles } = news;
      const response = await ctx.next();
      if (!response.headers.get("content-type")?.startsWith("text/html")) return response;
      const script = `<script src="/_fresh/dev.js" data-version="${version}" ` +
        `data-styles="${styles}" nonce="${ctx.nonce}" defer></script>`;
      return new Response(await response.text() + script, response);
    },
    async close() {
      await unwatch();
      for (const page of pages) page.close();
      pages.clear();
    },
  };
}

/** Calls back with what changed, once it settled; one call at a time. @returns what ends it. */
function watch(root: string, changed: (paths: readonly string[]) => Promise<void>) {
  const watcher = Deno.watchFs(["routes", "islands", "static"].map((name) => join(root, name)));
  let paths: string[] = [];
  let last = Promise.resolve();
  const pass = () => {
    const settled = paths;
    paths = [];
    last = last.then(() => changed(settled));
  };
  const listen = async () => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    for await (const event of watcher) {
      if (event.kind === "access") continue;
      paths.push(...event.paths);
      clearTimeout(timer);
      timer = setTimeout(pass, SETTLED_MS);
    }
    clearTimeout(timer);
  };
  const listening = listen();
  return async () => {
    watcher.close();
    await listening;
    await last;
  };
}

async function buildSite(options: SiteFolder) {
  const [bundle, modules] = await Promise.all([
    bundleIslands(options.root, { minify: false }),
    importAnew(options),
  ]);
  const load = (file: string) => Promise.resolve(modules.get(file));
  return (await loadBuildCache({ ...options, bundle, load })).site;
}

/**
 * The modules of routes and islands as the files are now. Deno imports a file once: so they are
 * bundled into one module of a new name, which leaves out all that lies elsewhere.
 */
async function importAnew(options: SiteFolder): Promise<Map<string, unknown>> {
  const { routes, islands } = await siteFiles(options);
  const files = [...islands, ...routes].map((file) => join(options.root, file));
  const folders = ["islands", "routes"].map((name) => join(options.root, name, "/"));
  const { outputFiles } = await build({
    ...language,
    stdin: {
      contents: files.map((file, i) => `export * as m${i} from ${JSON.stringify(file)};`).join(""),
      resolveDir: options.root,
    },
    packages: "external",
    platform: "neutral",
    sourcemap: "inline",
    outdir: "/out",
    plugins: [{
      name: "what lies elsewhere",
      setup: ({ onResolve }) =>
        onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
          const file = resolve(resolveDir, path);
          if (folders.some((folder) => file.startsWith(folder))) return { path: file };
          return { path: pathToFileURL(file).href, external: true };
        }),
    }],
  });
  const dir = join(options.root, "dist", "dev");
  await Deno.mkdir(dir, { recursive: true });
  const file = join(dir, `${crypto.randomUUID()}.js`);
  try {
    await Deno.writeFile(file, outputFiles[0].contents);
    const modules = await import(pathToFileURL(file).href);
    return new Map(files.map((file, i) => [file, modules[`m${i}`]]));
  } finally {
    await Deno.remove(file);
  }
}

/** Runs in the browser, by its text: it sees nothing of this file. */
function followSite(): void {
  const { dataset } = document.currentScript!;
  const overlay = document.createElement("pre");
  overlay.role = "alert";
  overlay.style.cssText = "position: fixed; inset: 0; z-index: 9999; margin: 0; padding: 2rem; " +
    "overflow: auto; background: #300; color: #fdd; font: 14px/1.5 monospace";
  const swap = (old: HTMLLinkElement) => {
    const link = old.cloneNode() as HTMLLinkElement;
    const url = new URL(link.href);
    url.searchParams.set("styles", dataset.styles!);
    link.href = url.href;
    link.onload = () => old.remove();
    old.after(link);
  };
  const told = ({ data }: MessageEvent<string>) => {
    const { version, styles, fault }: News = JSON.parse(data);
    if (version !== dataset.version) return location.reload();
    if (String(styles) !== dataset.styles) {
      dataset.styles = String(styles);
      document.querySelectorAll<HTMLLinkElement>("link[rel=stylesheet]").forEach(swap);
    }
    overlay.textContent = fault;
    if (fault === null) overlay.remove();
    else document.body.append(overlay);
  };
  // A browser keeps few connections to one host: a page that is not seen needs none.
  let source: EventSource | undefined;
  const follow = () => {
    source?.close();
    if (document.visibilityState === "hidden") return;
    source = new EventSource("/_fresh/alive");
    source.onmessage = told;
  };
  document.addEventListener("visibilitychange", follow);
  follow();
}
