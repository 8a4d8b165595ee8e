import { within } from "../std/abortable.ts";
import type { Clock } from "../std/clock.ts";
import type { Config } from "../settings/config.ts";
import { ExternalError } from "../std/errors.ts";
import type { Listener } from "./world.ts";

/** How long answers under way may go on when the process stops; a live stream never ends itself. */
const LAST_ANSWERS_MS = 2000;

/**
 * Listens for HTTP.
 *
 * @param handler answers requests.
 * @throws {ExternalError} when the port is taken or may not be used.
 * @example
 * ```ts
 * import { systemClock } from "../std/clock.ts";
 * import { readConfig } from "../settings/config.ts";
 * import { listen } from "./listen.ts";
 * const config = readConfig({ command: "start", flags: { port: "0" } });
 * const listener = listen(() => new Response("hello"), config, systemClock);
 * const text = await (await fetch(listener.url)).text();
 * await listener.shutdown();
 * if (text !== "hello") throw new Error(text);
 * ```
 */
export function listen(
  handler: Deno.ServeHandler<Deno.NetAddr>,
  { hostname, port }: Pick<Config, "hostname" | "port">,
  clock: Clock,
): Listener {
  const answers = new AnswersUnderWay((request, info) =>
    request.headers.has("host") ? handler(request, info) : withoutHost()
  );
  const server = serve(answers.answer, hostname.replace(/^\[|\]$/g, ""), port);
  return {
    url: urlOf(hostname, server.addr.port),
    async shutdown() {
      const ended = server.shutdown();
      if (await within(LAST_ANSWERS_MS, ended, clock)) return;
      answers.cut();
      // A client that does not read its answer cannot keep the process.
      await within(LAST_ANSWERS_MS, ended, clock);
    },
  };
}

/** Without the name that the client used, nobody can tell whether a page of another site asks. */
const withoutHost = () => new Response("The request must have a Host header.\n", { status: 400 });

/**
 * Answers that have not ended. The server cannot cut them: once it shuts down gracefully it has no
 * way to end a connection, and aborting its signal then throws.
 */
class AnswersUnderWay {
  readonly #handler: Deno.ServeHandler<Deno.NetAddr>;
  readonly #waiting = new Set<(response: Response) => void>();
  /** What ends each live stream. */
  readonly #streams = new Set<() => void>();

  constructor(handler: Deno.ServeHandler<Deno.NetAddr>) {
    this.#handler = handler;
  }

  readonly answer: Deno.ServeHandler<Deno.NetAddr> = async (request, info): Promise<Response> => {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    this.#waiting.add(resolve);
    try {
      Promise.resolve(this.#handler(request, info)).then(resolve, reject);
      const response = await promise;
      const live = response.headers.get("content-type")?.startsWith("text/event-stream");
      if (!live || response.body === null) return response;
      return new Response(this.#stream(response.body), response);
    } finally {
      this.#waiting.delete(resolve);
    }
  };

  /** A body that {@link cut} ends. An error of the stream would be printed by Deno. */
  #stream(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    const reader = body.getReader();
    let end = () => {};
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        end = () => {
          this.#streams.delete(end);
          controller.close();
          reader.cancel().catch(() => {}); // nobody is left to tell
        };
        this.#streams.add(end);
      },
      pull: async (controller) => {
        const { done, value } = await reader.read().catch((error) => {
          this.#streams.delete(end);
          throw error;
        });
        if (!this.#streams.has(end)) return;
        if (done) end();
        else controller.enqueue(value);
      },
      cancel: async (reason) => {
        this.#streams.delete(end);
        await reader.cancel(reason);
      },
    }, { highWaterMark: 0 });
  }

  /** Ends live streams and answers 503 to requests that still wait. */
  cut(): void {
    for (const end of [...this.#streams]) end();
    for (const resolve of this.#waiting) {
      resolve(new Response("The process stops.", { status: 503 }));
    }
  }
}

function serve(
  handler: Deno.ServeHandler<Deno.NetAddr>,
  hostname: string,
  port: number,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ hostname, port, onListen: () => {} }, handler);
  } catch (cause) {
    const at = `${hostname}, port ${port}`;
    const fault = (what: string) =>
      new ExternalError(`Cannot listen on ${at}: ${what}`, {
        retriable: false,
        field: "port",
        cause,
      });
    if (cause instanceof Deno.errors.AddrInUse) {
      throw fault("another process does; stop it or give another --port (0 takes a free one)");
    }
    if (cause instanceof Deno.errors.PermissionDenied) {
      throw fault("the system does not allow it; ports below 1024 are often kept back");
    }
    if (cause instanceof Deno.errors.AddrNotAvailable) {
      throw fault("this machine has no such address; give another --hostname");
    }
    throw cause;
  }
}

/** Where the own machine reaches it. */
function urlOf(hostname: string, port: number): string {
  const host = hostname.replace(/^\[|\]$/g, "");
  if (host === "0.0.0.0") return `http://127.0.0.1:${port}`;
  if (host === "::") return `http://[::1]:${port}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
