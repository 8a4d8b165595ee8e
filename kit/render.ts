import { type ComponentChild, type ComponentChildren, h } from "preact";
import { renderToString } from "preact-render-to-string";
import type { Site } from "./build_cache.ts";
import { IslandContext, PageIslands } from "./islands.ts";
import { HeadContext } from "./runtime.ts";
import { SCRIPTS } from "./static_files.ts";

/** The whole page: what is rendered, its head's additions, and what brings its islands to life. */
export function renderPage(content: ComponentChild, site: Site, nonce: string): string {
  const islands = new PageIslands();
  const head: ComponentChildren[] = [];
  const rendered = (node: ComponentChild) =>
    renderToString(
      h(
        HeadContext.Provider,
        { value: (children: ComponentChildren) => void head.push(children) },
        h(IslandContext.Provider, { value: islands }, node),
      ),
    );
  let html = rendered(content);
  // Slots that an island does not show yet wait in templates; they may hold islands of their own.
  let templates = "";
  for (const [marker, value] of islands.slots) {
    templates += rendered(h("template", { id: `slot:${marker}` }, value));
  }
  const scripts = islands.used.size === 0 ? null : scriptsOf(islands, site, nonce);
  let added = renderToString(h("head", null, head)).slice("<head>".length, -"</head>".length);
  if (added.includes("<title")) html = html.replace(/<title>[^]*?<\/title>/, "");
  added += scripts?.head ?? "";
  return "<!doctype html>" + html
    .replace("</head>", () => `${added}</head>`)
    .replace(/<\/body>(?![^]*<\/body>)/, () => `${templates}${scripts?.body ?? ""}</body>`);
}

function scriptsOf(islands: PageIslands, { bundle }: Site, nonce: string) {
  if (bundle === null) throw new Error("Cannot render islands: they are not bundled");
  const used = [...islands.used].map(({ name }) => ({ name, file: bundle.islands.get(name)! }));
  const imports = new Set([bundle.client, ...used.map(({ file }) => file)]);
  for (const file of imports) bundle.imports.get(file)?.forEach((each) => imports.add(each));
  const preloads = [...imports].map((file) =>
    `<link rel="modulepreload" href="${SCRIPTS}${file}" nonce="${nonce}">`
  );
  const lines = [
    `import { boot } from "${SCRIPTS}${bundle.client}";`,
    ...used.map(({ file }, i) => `import I${i} from "${SCRIPTS}${file}";`),
    `boot({ ${used.map(({ name }, i) => `${JSON.stringify(name)}: I${i}`).join(", ")} });`,
  ];
  return {
    head: preloads.join(""),
    body: `<script type="application/json" id="__FRSH_STATE">${islands.serialise()}</script>` +
      `<script type="module" nonce="${nonce}">${lines.join("\n")}</script>`,
  };
}
