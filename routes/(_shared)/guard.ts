/**
 * Who may do what: which names are answered, whose pages may change state, who may read, who may
 * write. Each request passes here before anything else looks at it.
 */
import { createHash, timingSafeEqual } from "node:crypto";

/** What {@link Guard} allows. */
export interface AccessRules {
  /**
   * Host names that are answered beside this machine's own names and IP addresses; lower case.
   * Default: none.
   */
  readonly hosts?: readonly string[];
  /** Tokens that allow reading. Default: reading needs no token. */
  readonly readTokens?: readonly string[];
  /** Tokens that allow reading and writing. Default: writing needs no token. */
  readonly writeTokens?: readonly string[];
  /**
   * What is answered without a read token: `health` is `/healthz` and `/readyz`, `all` also
   * `/metrics`. Default `health`.
   */
  readonly publicProbes?: "none" | "health" | "all";
}

/** Why a request is refused. */
export interface Refusal {
  readonly kind: "unauthorized" | "forbidden";
  readonly detail: string;
}

const PROBES = {
  none: [],
  health: ["/healthz", "/readyz"],
  all: ["/healthz", "/readyz", "/metrics"],
};

const SESSION_COOKIE = "twofold_session";
const SIGN_IN = "/sign-in";

/** Methods that change nothing. */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Decides about requests by fixed rules.
 *
 * @example
 * ```ts
 * import { Guard } from "./guard.ts";
 * const guard = new Guard({ readTokens: ["a-token-of-some-length"] });
 * const request = new Request("http://localhost:8000/api/v1/status");
 * if (guard.readerFault(request)?.kind !== "unauthorized") throw new Error("unexpected");
 * ```
 */
export class Guard {
  readonly #hosts: ReadonlySet<string>;
  readonly #readers: readonly Buffer[];
  readonly #writers: readonly Buffer[];
  readonly #probes: ReadonlySet<string>;
  /** Whether reading needs a token. */
  readonly readsNeedToken: boolean;

  constructor(
    { hosts = [], readTokens = [], writeTokens = [], publicProbes = "health" }: AccessRules = {},
  ) {
    this.#hosts = new Set(hosts);
    this.#writers = writeTokens.map(digest);
    this.#readers = [...readTokens, ...writeTokens].map(digest);
    this.#probes = new Set(PROBES[publicProbes]);
    this.readsNeedToken = readTokens.length > 0;
  }

  /**
   * Refuses names that are not ours, and changes that other sites' pages ask for. A page whose name
   * was made to lead here (DNS rebinding) has the same origin as our own pages: only the name of the
   * host tells them apart.
   */
  siteFault(request: Request): Refusal | null {
    const { hostname, host } = new URL(request.url);
    if (!this.#isOwn(hostname)) {
      return forbidden(
        `Host must be a name of this machine, an IP address or a name in TWOFOLD_HOSTS, got ` +
          `${hostname.slice(0, 200)}; add the name to TWOFOLD_HOSTS if clients use it`,
      );
    }
    return SAFE_METHODS.has(request.method) ? null : this.#originFault(request, host);
  }

  /** Refuses requests without a token that allows reading. */
  readerFault(request: Request): Refusal | null {
    const { pathname } = new URL(request.url);
    if (this.#probes.has(pathname) || pathname === SIGN_IN || this.mayRead(request)) return null;
    return unauthorized("Send a read token as: Authorization: Bearer <token>");
  }

  /** Whether a request may see everything. Probes are answered without, in fewer words. */
  mayRead(request: Request): boolean {
    return !this.readsNeedToken || includes(this.#readers, digest(bearerOf(request))) ||
      this.#hasSession(request);
  }

  /**
   * Refuses requests whose token does not allow what a route does. {@link readerFault} comes first.
   * SQL costs more than other reads: where everybody may read, it needs the write token.
   */
  routeFault(request: Request, access: "read" | "sql" | "write"): Refusal | null {
    const open = access === "read" || (access === "sql" && this.readsNeedToken);
    if (open || this.#writers.length === 0) return null;
    if (includes(this.#writers, digest(bearerOf(request)))) return null;
    return unauthorized("Send a write token as: Authorization: Bearer <token>");
  }

  /**
   * Signs a browser in.
   *
   * @param secure whether the browser came by HTTPS.
   * @returns the value of a Set-Cookie header, or null when the token does not allow reading.
   */
  signIn(token: string, secure: boolean): string | null {
    const given = digest(token);
    if (!includes(this.#readers, given)) return null;
    return cookie(sessionOf(given).toString("hex"), secure ? "; Secure" : "");
  }

  /** The value of a Set-Cookie header that signs a browser out. */
  signOut(): string {
    return cookie("", "; Max-Age=0");
  }

  #isOwn(hostname: string): boolean {
    return hostname === "localhost" || hostname.endsWith(".localhost") ||
      hostname.startsWith("[") || /^\d{1,3}(\.\d{1,3}){3}$/.test(hostname) ||
      this.#hosts.has(hostname);
  }

  /** Programs send no Origin; browsers send one with every request that changes state. */
  #originFault(request: Request, host: string): Refusal | null {
    const site = request.headers.get("sec-fetch-site") ?? "none";
    const origin = request.headers.get("origin");
    const own = site === "none" || site === "same-origin";
    if (own && (origin === null || this.#isOwnOrigin(origin, host))) return null;
    return forbidden(
      `Pages of other sites may not change anything here, got Origin ${
        (origin ?? "none").slice(0, 200)
      }`,
    );
  }

  /** A proxy may have changed the Host header: then the origin's name has to be a known one. */
  #isOwnOrigin(origin: string, host: string): boolean {
    if (!URL.canParse(origin)) return false;
    const url = new URL(origin);
    return url.host === host || this.#hosts.has(url.hostname);
  }

  #hasSession(request: Request): boolean {
    const cookies = request.headers.get("cookie") ?? "";
    const value = new RegExp(`(?:^|;\\s*)${SESSION_COOKIE}=([0-9a-f]{64})(?:;|$)`).exec(cookies)
      ?.[1];
    return value !== undefined &&
      includes(this.#readers.map(sessionOf), Buffer.from(value, "hex"));
  }
}

const unauthorized = (detail: string): Refusal => ({ kind: "unauthorized", detail });
const forbidden = (detail: string): Refusal => ({ kind: "forbidden", detail });

const bearerOf = (request: Request) =>
  /^bearer (.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";

const digest = (text: string) => createHash("sha256").update(text).digest();

/** What a browser keeps: it does not reveal the token, and no table of sessions is needed. */
const sessionOf = (digest: Buffer) =>
  createHash("sha256").update("twofold session").update(digest).digest();

/** Digests have one length, so that the comparison takes the same time for every token. */
const includes = (known: readonly Buffer[], given: Buffer) =>
  known.map((each) => timingSafeEqual(each, given)).includes(true);

const cookie = (value: string, more: string) =>
  `${SESSION_COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict${more}`;
