import type { Middleware } from "./define.ts";

/**
 * Adds a Content-Security-Policy to what follows.
 *
 * @param options.csp directives that replace or join the strict ones of the same name.
 * @param options.useNonce scripts need the answer's nonce. Default false: those of the site run.
 */
export function csp<State>(
  options: { readonly csp?: readonly string[]; readonly useNonce?: boolean } = {},
): Middleware<State> {
  return async (ctx) => {
    const response = await ctx.next();
    if (!response.headers.get("content-type")?.startsWith("text/html")) return response;
    const directives = new Map<string, string>();
    const scripts = options.useNonce ? `'nonce-${ctx.nonce}'` : "'self'";
    const strict = [
      ...["default-src 'self'", `script-src ${scripts}`, "base-uri 'none'", "object-src 'none'"],
      ...["form-action 'self'", "frame-ancestors 'none'"],
    ];
    for (const directive of [...strict, ...options.csp ?? []]) {
      directives.set(directive.split(" ", 1)[0], directive);
    }
    response.headers.set("content-security-policy", [...directives.values()].join("; "));
    return response;
  };
}
