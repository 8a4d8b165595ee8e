/** The tokens by which a process logs in to Kafka where SASL's mechanism is OAUTHBEARER. */
import type { Clock } from "../../std/clock.ts";
import { ExternalError, UserError } from "../../std/errors.ts";
import type { Secret } from "../../settings/setting_types.ts";

/** Tells a token that is valid now; called for every connection, concurrently. */
export type BearerTokens = () => Promise<string>;

/** Options of {@link tokensOfEndpoint}. */
export interface TokenEndpoint {
  /** Where tokens are asked for. */
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: Secret;
  /** Default: what the endpoint gives unasked. */
  readonly scope?: string;
  /** An authority to trust beside those that the system knows, PEM. */
  readonly ca?: string;
  readonly clock: Pick<Clock, "now">;
}

/**
 * How long before its login ends a connection logs in again. Brokers refuse that within the first
 * second, so a token has to live well longer than this.
 */
export const REAUTHENTICATION_MS = 3000;
const TOO_MANY_REQUESTS = 429;
const TIMEOUT_MS = 10_000;
/** A token is given out in this part of its life: the clocks need not agree to the second. */
const USED_PART = 0.8;
/** And never in its last moments, in which a connection that just logged in would have to again. */
const LEFT_MS = 4 * REAUTHENTICATION_MS;

/** Tokens that somebody else renews in a file; each call rejects when it cannot be read. */
export function tokensOfFile(path: string): BearerTokens {
  return async () => {
    let token: string;
    try {
      token = (await Deno.readTextFile(path)).trim();
    } catch (cause) {
      throw new UserError(`Cannot read the token in "${path}"`, { cause });
    }
    if (token !== "") return token;
    throw new UserError(`Cannot log in to Kafka: there is no token in "${path}"`);
  };
}

/**
 * Tokens by OAuth's client credentials, asked for when the one at hand is about to expire.
 *
 * @see https://datatracker.ietf.org/doc/html/rfc6749#section-4.4
 */
export function tokensOfEndpoint(endpoint: TokenEndpoint): BearerTokens {
  const { clock } = endpoint;
  let current: { readonly token: Promise<string>; usedUntilMs: number } | null = null;
  return () => {
    if (current !== null && clock.now() < current.usedUntilMs) return current.token;
    const asked = askForToken(endpoint);
    const next = { token: asked.then(({ token }) => token), usedUntilMs: Infinity };
    current = next;
    asked.then(
      ({ lifeMs }) =>
        next.usedUntilMs = clock.now() + Math.min(USED_PART * lifeMs, lifeMs - LEFT_MS),
      () => next.usedUntilMs = -Infinity, // the next connection asks again
    );
    return next.token;
  };
}

async function askForToken(endpoint: TokenEndpoint): Promise<{ token: string; lifeMs: number }> {
  const { url, clientId, clientSecret, scope, ca } = endpoint;
  const action = `Cannot get a token for Kafka from ${url}`;
  const form = new URLSearchParams({ grant_type: "client_credentials", ...(scope && { scope }) });
  const login = [clientId, clientSecret.reveal()].map(encodeURIComponent).join(":");
  using client = Deno.createHttpClient({ caCerts: ca === undefined ? [] : [ca] });
  let response: Response;
  let answer: { access_token?: unknown; expires_in?: unknown; error?: unknown };
  try {
    response = await fetch(url, {
      client,
      method: "POST",
      body: form,
      headers: { authorization: `Basic ${btoa(login)}`, accept: "application/json" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    answer = await response.json();
  } catch (cause) {
    throw new ExternalError(`${action}: ${innermost(cause as Error).message}`, {
      part: "log",
      cause,
    });
  }
  const { access_token: token, expires_in: seconds, error } = answer;
  if (response.ok && typeof token === "string" && token !== "") {
    return { token, lifeMs: typeof seconds === "number" ? 1000 * seconds : 0 };
  }
  const why = typeof error === "string" ? error : "there is no access_token in its answer";
  throw new ExternalError(
    `${action}: status ${response.status}, ${why}; see TWOFOLD_KAFKA_USER and ` +
      "TWOFOLD_KAFKA_PASSWORD, which are the client's id and secret",
    { part: "log", retriable: response.status >= 500 || response.status === TOO_MANY_REQUESTS },
  );
}

/** What went wrong with a connection is the cause of "fetch failed". */
function innermost(error: Error): Error {
  return error.cause instanceof Error ? innermost(error.cause) : error;
}
