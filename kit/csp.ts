import type { Middleware } from "./define.ts";

/**
 * Adds a Content-Security-Policy to what follows.
 *
 * @param options.csp directives that replace or join the strict ones of the same name.
 * @param options.useNonce scripts need the answer's nonce. Default false: those within the page
 * and those of the site run.
 */
export function csp<State>(
  options: { readonly csp?: readonly string[]; readonly useNonce?: boolean } = {},
): Middleware<State> {
  return async (ctx) => {
    const response = await ctx.next();
    if (!response.headers.get("content-type")?.startsWith("text/html")) return response;
    const scripts = options.useNonce ? `'nonce-${ctx.nonce}'` : "'self' 'unsafe-inline'";
    const strict = `default-src 'self'; script-src ${scripts}; base-uri 'none'; ` +
      "object-src 'none'; form-action 'self'; frame-ancestors 'none'";
    const all = [...strict.split("; "), ...options.csp ?? []];
    const directives = new Map(all.map((directive) => [directive.split(" ", 1)[0], directive]));
    response.headers.set("content-security-policy", [...directives.values()].join("; "));
    return response;
  };
}
