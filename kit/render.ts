import { type ComponentChild, type ComponentChildren, Fragment, h } from "preact";
import { renderToString } from "preact-render-to-string";
import type { Site } from "./build_cache.ts";
import { IslandContext, PageIslands } from "./islands.ts";
import { HeadContext } from "./head_context.ts";
import { SCRIPTS } from "./static_files.ts";

/** The whole page: what is rendered, its head's additions, and what brings its islands to life. */
export function renderPage(content: ComponentChild, site: Site, nonce: string): string {
  const islands = new PageIslands();
  const additions: ComponentChildren[] = [];
  const rendered = (node: ComponentChild) => {
    const page = h(IslandContext.Provider, { value: islands }, node);
    return renderToString(h(HeadContext.Provider, { value: additions }, page));
  };
  const html = rendered(content);
  // Slots that an island does not show yet wait in templates; they may hold islands of their own.
  let templates = "";
  for (const [mark, value] of islands.slots) {
    templates += rendered(h("template", { id: `slot:${mark}` }, value));
  }
  const scripts = scriptsOf(islands, site, nonce);
  // A page without head or body is as good: the browser makes them.
  const headEnd = Math.max(html.indexOf("</head>"), 0);
  const bodyEnd = html.includes("</body>") ? html.lastIndexOf("</body>") : html.length;
  const head = html.slice(0, headEnd) + renderToString(h(Fragment, null, additions));
  const body = html.slice(headEnd, bodyEnd) + templates;
  const lastTitle = head.replaceAll(/<title\b[^>]*>[^]*?<\/title>(?=[^]*<title\b)/g, "");
  return `<!doctype html>${lastTitle}${scripts.head}${body}${scripts.body}${html.slice(bodyEnd)}`;
}

function scriptsOf(islands: PageIslands, { bundle }: Site, nonce: string) {
  const names = [...new Set(islands.used.map(({ name }) => name))];
  if (names.length === 0) return { head: "", body: "" };
  if (bundle === null) throw new Error("Cannot render islands: they are not bundled");
  const files = names.map((name) => bundle.islands.get(name)!);
  const imports = new Set([bundle.client, ...files]);
  for (const file of imports) bundle.imports.get(file)?.forEach((each) => imports.add(each));
  const preloads = [...imports].map((file) =>
    `<link rel="modulepreload" href="${SCRIPTS}${file}" nonce="${nonce}">`
  );
  const lines = [
    `import { boot } from "${SCRIPTS}${bundle.client}";`,
    ...files.map((file, i) => `import I${i} from "${SCRIPTS}${file}";`),
    `boot({ ${names.map((name, i) => `${JSON.stringify(name)}: I${i}`).join(", ")} });`,
  ];
  return {
    head: preloads.join(""),
    body: `<script type="application/json" id="__FRSH_STATE">${islands.serialise()}</script>` +
      `<script type="module" nonce="${nonce}">${lines.join("\n")}</script>`,
  };
}
