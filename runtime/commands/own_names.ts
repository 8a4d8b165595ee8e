import { isLoopback } from "../config.ts";

/**
 * Answers only requests that name this machine. A page whose name was made to lead here (DNS
 * rebinding) is of one origin with us to its browser: only its name tells it from our own pages.
 *
 * @param handler answers the others.
 * @returns a handler that answers 403 to the rest, as a problem detail.
 * @example
 * ```ts
 * import { byOwnNames } from "./own_names.ts";
 * const answer = byOwnNames(() => new Response("hello"));
 * const own = await answer(new Request("http://localhost:8000/"));
 * const foreign = await answer(new Request("http://pages.example:8000/"));
 * if (own.status !== 200 || foreign.status !== 403) throw new Error("unexpected");
 * ```
 */
export function byOwnNames(
  handler: (request: Request) => Response | Promise<Response>,
): (request: Request) => Response | Promise<Response> {
  return (request) => {
    const { hostname } = new URL(request.url);
    return isLoopback(hostname) || hostname.endsWith(".localhost")
      ? handler(request)
      : refusal(hostname);
  };
}

function refusal(hostname: string): Response {
  const detail = "Without a write token only names of this machine are answered, such as " +
    `localhost, got ${hostname.slice(0, 200)}: to be reached by others, set TWOFOLD_WRITE_TOKEN`;
  const problem = { type: "urn:twofold:problem:forbidden", title: "Another site may not do this" };
  return Response.json({ ...problem, status: 403, detail }, {
    status: 403,
    headers: { "content-type": "application/problem+json" },
  });
}
