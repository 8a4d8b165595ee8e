import type { Middleware } from "./define.ts";

/** Options of {@link csp}. */
export interface CSPOptions {
  /** Directives that replace the strict ones of the same name, or join them. */
  readonly csp?: readonly string[];
  /** Only scripts with the response's nonce run. Default: false; inline and own scripts run. */
  readonly useNonce?: boolean;
}

/** Adds a Content-Security-Policy to the pages that follow. */
export function csp<State>(options: CSPOptions = {}): Middleware<State> {
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
