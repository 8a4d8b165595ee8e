/** An OAuth token endpoint on loopback, for the flow of client credentials. */
import { unsecuredToken } from "./secure_kafka.ts";

/** Options of {@link TokenServer.start}. */
export interface TokenServerOptions {
  readonly clientId: string;
  readonly clientSecret: string;
  /** How long its tokens live. */
  readonly lifeSeconds: number;
}

/** Gives tokens to one client. */
export class TokenServer {
  /** How many tokens it gave. */
  given = 0;
  /** The scope that was asked for last. */
  scope: string | null = null;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  private constructor(options: TokenServerOptions) {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#answer(request, options),
    );
  }

  static start(options: TokenServerOptions): TokenServer {
    return new TokenServer(options);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/oauth/token`;
  }

  async close(): Promise<void> {
    await this.#server.shutdown();
  }

  async #answer(request: Request, options: TokenServerOptions): Promise<Response> {
    const { clientId, clientSecret, lifeSeconds } = options;
    const form = new URLSearchParams(await request.text());
    if (request.method !== "POST" || form.get("grant_type") !== "client_credentials") {
      return Response.json({ error: "unsupported_grant_type" }, { status: 400 });
    }
    if (request.headers.get("authorization") !== `Basic ${btoa(`${clientId}:${clientSecret}`)}`) {
      return Response.json({ error: "invalid_client" }, { status: 401 });
    }
    this.given++;
    this.scope = form.get("scope");
    const token = { access_token: unsecuredToken(lifeSeconds), token_type: "Bearer" };
    return Response.json({ ...token, expires_in: lifeSeconds });
  }
}
