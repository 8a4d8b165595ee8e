import { computed, signal } from "@preact/signals";
import { App, type Context, csp, type PageProps } from "fresh";
import { setBuildCache } from "kit/loading";
import { Head } from "fresh/runtime";
import { parse } from "devalue";
import { type ComponentChildren, type ComponentType, h } from "preact";
import { describe, expect, it } from "testing";
import { fileRoutes } from "../../kit/fs_routes.ts";
import { registerIsland } from "../../kit/islands.ts";
import { answer, html, logged, say, serve } from "../support/kit_app.ts";

describe("pages", () => {
  const document = (...head: ComponentChildren[]) => ({ Component }: PageProps) =>
    h("html", null, h("head", null, ...head), h("body", null, h(Component, null)));

  it("put into the head what Head holds; the last title is the one", async () => {
    const ask = serve({
      "_app": { default: document(h("title", { lang: "en" }, "Site")) },
      "_layout": {
        default: ({ Component }: PageProps) =>
          h(
            "div",
            null,
            h(Head, null, h("title", null, "Layout"), h("meta", { name: "a" })),
            h(Component, null),
          ),
      },
      "index": {
        default: () =>
          h(
            "svg",
            null,
            h(Head, null, h("title", null, "$& </title> & more")),
            h("title", null, "Chart"),
          ),
      },
      "none": { default: say("in") },
    });
    expect(await html(ask("/"))).toBe(
      '<html><head><meta name="a"/><title>$&amp; &lt;/title> &amp; more</title></head>' +
        "<body><div><svg><title>Chart</title></svg></div></body></html>",
    );
    expect(await html(ask("/none"))).toContain(
      '<head><title>Layout</title><meta name="a"/></head>',
    );
  });

  it("keep their own title when Head has none, and a chart's when there is no other", async () => {
    const titled = serve({
      "_app": { default: document(h("title", null, "Site")) },
      "index": { default: () => h(Head, null, h("meta", { name: "a" })) },
    });
    expect(await html(titled("/"))).toContain("<title>Site</title>");
    const chart = serve({
      "_app": { default: document() },
      "index": {
        default: () =>
          h("svg", null, h(Head, null, h("title", null, "Page")), h("title", null, "Chart")),
      },
    });
    expect(await html(chart("/"))).toContain(
      "<head><title>Page</title></head><body><svg><title>Chart</title>",
    );
  });

  it("without head or body get all the same what belongs there", async () => {
    const ask = serve({
      "index": {
        default: () => h("p", null, h(Head, null, h("title", null, "T")), h(Box, { n: 1 })),
      },
    });
    const text = await html(ask("/"));
    expect(text).toMatch(/^<title>T<\/title><link rel="modulepreload".*<p><!--island:Box:0-->/);
    expect(text).toMatch(/<\/p><script type="application\/json".*<\/script>$/s);
  });

  it("do not mix requests", async () => {
    const ask = serve({
      "[x]": {
        default: ({ params }: PageProps) =>
          h("p", null, h(Head, null, h("title", null, params.x)), params.x),
      },
    });
    const texts = await Promise.all(["a", "b", "c"].map((x) => html(ask(`/${x}`))));
    expect(texts).toEqual(["a", "b", "c"].map((x) => `<title>${x}</title><p>${x}</p>`));
  });

  it("get what they may use", async () => {
    const ask = serve({
      "_middleware": {
        default: (
          ctx: Context<unknown>,
        ) => ((ctx.state as { user: string }).user = "ada", ctx.next()),
      },
      "[x]": {
        default: ({ url, req, params, route, state, error }: PageProps) =>
          h("p", null, JSON.stringify([url.pathname, req.method, params, route, state, error])),
      },
    });
    expect((await html(ask("/y"))).replaceAll("&quot;", '"')).toBe(
      '<p>["/y","GET",{"x":"y"},"/:x",{"user":"ada"},null]</p>',
    );
  });
});

const Box: ComponentType<{ n: unknown; children?: ComponentChildren }> = ({ n, children }) =>
  h("b", null, typeof n === "number" ? n : "", children);
const Late: ComponentType<{ children?: ComponentChildren }> = () =>
  h("i", null, h(Head, null, h("title", null, "Late")));
registerIsland("Box", Box as ComponentType);
registerIsland("Late", Late as ComponentType);

describe("islands", () => {
  const render = async (content: ComponentChildren) =>
    await html(serve({ "index": { default: () => h("body", null, content) } })("/"));
  const propsOf = (text: string) =>
    parse(/id="__FRSH_STATE">(.*?)<\/script>/s.exec(text)![1], {
      Signal: ([value]) => signal(value),
      Slot: (mark) => ({ slot: mark }),
    });
  class Point {}
  const failure = async (content: () => ComponentChildren) =>
    String(
      await logged(async () => {
        expect(
          (await serve({ "index": { default: () => h("body", null, content()) } })("/")).status,
        ).toBe(500);
      }),
    );

  it("are rendered between marks, with their scripts by nonce", async () => {
    const text = await render(h(Box, { n: 1 }));
    expect(text).toContain("<!--island:Box:0--><b>1</b><!--/island-->");
    const [, nonce] = /<script type="module" nonce="(\w+)">/.exec(text)!;
    const preload = (file: string) =>
      `<link rel="modulepreload" href="/_fresh/js/${file}" nonce="${nonce}">`;
    expect(text).toContain(["client-1.js", "Box-1.js", "chunk-1.js"].map(preload).join(""));
    expect(text).toContain('import I0 from "/_fresh/js/Box-1.js";\nboot({ "Box": I0 });');
  });

  it("of a page without any cost no script", async () => {
    expect(await render("none")).toBe("<body>none</body>");
  });

  it("share their signals; a computed one keeps its value", async () => {
    const shared = signal(7);
    const doubled = computed(() => shared.value * 2);
    const props = propsOf(await render([h(Box, { n: shared }), h(Box, { n: [shared, doubled] })]));
    expect(props[0].n).toBe(props[1].n[0]);
    expect([props[0].n.value, props[1].n[1].value]).toEqual([7, 14]);
  });

  it("get props of many kinds", async () => {
    const n = {
      date: new Date(5),
      map: new Map([["a", 1n]]),
      set: new Set([undefined, NaN]),
      data: new Float64Array([1.5]),
    };
    expect(propsOf(await render(h(Box, { n })))).toEqual([{ n }]);
  });

  it("get text that cannot leave its script", async () => {
    const n = "</script><!--<script>\u2028$&";
    const text = await render(h(Box, { n }));
    expect(text.match(/<script/g)).toHaveLength(2);
    expect(text).not.toContain("<!--<");
    expect(propsOf(text)).toEqual([{ n }]);
  });

  it("get JSX as slots; islands within those are of the page", async () => {
    const text = await render(h(Box, { n: 1 }, h("u", null, "x"), h(Box, { n: 2 })));
    expect(text).toContain(
      "<!--island:Box:0--><b>1<!--slot:0:children--><u>x</u><!--island:Box:1--><b>2</b><!--/island-->" +
        "<!--/slot--></b><!--/island-->",
    );
    expect(propsOf(text)).toEqual([{ n: 1, children: { slot: "0:children" } }, { n: 2 }]);
  });

  it("leave slots that they do not show in templates, islands and all", async () => {
    const text = await render(h(Late, null, h("u", null, h(Late, null, h("s", null)))));
    expect(text).toContain('<template id="slot:0:children"><u><!--island:Late:1-->');
    expect(text).toContain('<template id="slot:1:children"><s></s></template>');
    expect(propsOf(text)).toHaveLength(2);
  });

  it("within islands are theirs, and need no props of the page's", async () => {
    const Outer: ComponentType = () => h(Box, { n: () => {} });
    registerIsland("Box", Outer);
    const text = await render(h(Outer, null));
    expect(text).toContain("<!--island:Box:0--><b></b><!--/island-->");
    expect(propsOf(text)).toEqual([{}]);
  });

  it("put into the head what Head holds", async () => {
    expect(await render(h(Late, null))).toMatch(/^<title>Late<\/title>/);
  });

  const impossible: readonly [what: string, n: unknown, where: string][] = [
    ["a function", { on: () => {} }, "n.on"],
    ["an object of a class", [1, new Point()], "n[1]"],
    ["a symbol", Symbol("s"), "n"],
  ];
  it.each(impossible)("tell which prop cannot be passed: %s", async (_what, n, where) => {
    expect(await failure(() => [h(Late, null), h(Box, { n })])).toContain(
      `Cannot pass ${where} to island Box: `,
    );
  });

  it("that are not bundled are a fault", async () => {
    const app = new App<unknown>().fsRoutes();
    const routes = fileRoutes(new Map([["index", { default: () => h(Box, { n: 1 }) }]]));
    setBuildCache(app, { site: { ...routes, bundle: null, staticFiles: new Map() } });
    const faults = await logged(async () => {
      expect((await app.handler()(new Request("http://localhost/"))).status).toBe(500);
    });
    expect(String(faults)).toContain("they are not bundled");
  });
});

describe("csp()", () => {
  const policyOf = async (options?: Parameters<typeof csp>[0], path = "/") => {
    const modules = {
      "index": { default: () => h("body", null, h(Box, { n: 1 })) },
      "data": answer(() => 1),
    };
    const response = await serve(modules, new App<unknown>().use(csp(options)))(path);
    return { policy: response.headers.get("content-security-policy"), text: await response.text() };
  };

  it("lets scripts run by the answer's nonce alone, another one each time", async () => {
    const { policy, text } = await policyOf({ useNonce: true });
    const [, nonce] = /'nonce-(\w{32})'/.exec(policy!)!;
    expect(policy).toBe(
      `default-src 'self'; script-src 'nonce-${nonce}'; base-uri 'none'; object-src 'none'; ` +
        "form-action 'self'; frame-ancestors 'none'",
    );
    expect(text.match(/nonce="(\w+)"/g)).toEqual(Array(4).fill(`nonce="${nonce}"`));
    expect((await policyOf({ useNonce: true })).policy).not.toContain(nonce);
  });

  it("adds and replaces directives; without nonces those within the page run", async () => {
    const { policy } = await policyOf({ csp: ["base-uri 'self'", "img-src data:"] });
    expect(policy).toContain("script-src 'self' 'unsafe-inline'; base-uri 'self'; object-src");
    expect(policy).toMatch(/; img-src data:$/);
  });

  it("is for pages", async () => {
    expect((await policyOf({}, "/data")).policy).toBe(null);
    expect((await policyOf({}, "/nowhere")).policy).toBe(null);
  });
});
