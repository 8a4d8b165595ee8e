/** What the two row formats of access logs have in common. */
import type { EventInput } from "twofold";
import type { accessLog } from "./access_log.schema.ts";

/** A request as a line of a log tells it; the texts as they are written there. */
export interface LoggedRequest {
  /** ISO 8601. */
  readonly at: string;
  readonly client: string;
  /** Such as `GET /path?query HTTP/1.1`; anything, where a client sent no request. */
  readonly request: string;
  readonly status: string;
  /** Digits, or `-` for none. */
  readonly bytes: string;
  /** Seconds, where the log tells. */
  readonly seconds?: string;
  /** `-` for none. */
  readonly referer: string;
  readonly agent: string;
}

const REQUEST = /^(\S+) ([^\s?#]+)\S*(?: HTTP\/[\d.]+)?$/;

/**
 * The event of a request. Its id is a hash of all that the line says but the time, so a request that
 * is logged again has the identity that it had, in whichever time zone its time is written. Two
 * requests of one client that are alike in everything and in the same second are one: such a log
 * cannot tell them from a line that came twice.
 */
export function eventOf(logged: LoggedRequest): EventInput<typeof accessLog> {
  const { at, client, request, status, bytes, seconds, referer, agent } = logged;
  const [, method = "-", path = "-"] = REQUEST.exec(request) ?? [];
  const size = bytes === "-" ? "0" : bytes;
  const identity = [client, request, status, size, referer, agent, seconds ?? ""];
  return {
    id: textHash(JSON.stringify(identity)),
    at,
    client,
    method,
    path,
    status,
    bytes: size,
    seconds: seconds ?? null,
    agent: agent === "-" ? null : agent,
  };
}

/** 64 bits of FNV-1a over UTF-16 code units, in two halves of 32. */
function textHash(text: string): string {
  let [a, b] = [0x811c9dc5, 0x01000193];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code ^ (i & 0xff), 0x01000193);
  }
  return [a, b].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}
