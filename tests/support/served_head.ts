/** An app behind a real server, which is what leaves the bodies of HEADs out. */

/** A server of its own. */
export interface Served extends AsyncDisposable {
  readonly url: string;
  /** Asks by HEAD. */
  head(
    path: string,
    headers?: HeadersInit,
  ): Promise<{ readonly status: number; readonly length: string | null; readonly text: string }>;
}

/** Serves until it is disposed of. */
export function served(fetched: (request: Request) => Response | Promise<Response>): Served {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, fetched);
  const url = `http://127.0.0.1:${server.addr.port}`;
  return {
    url,
    async head(path, headers) {
      const response = await fetch(url + path, { method: "HEAD", headers });
      const length = response.headers.get("content-length");
      return { status: response.status, length, text: await response.text() };
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
