/** Faults as RFC 9457 problem details. */
import type { Context } from "hono";
import type { Refusal } from "../(_shared)/guard.ts";
import {
  BusyError,
  LogFailedError,
  NotFoundError,
  NotReadyError,
  ProblemError,
  TooLargeError,
  TwofoldError,
  UnansweredRangeError,
  UserError,
} from "../../runtime/std/errors.ts";

/** The kinds of problem: their status, and a title that never changes. */
export const kinds = {
  "invalid-request": { status: 400, title: "The request is not valid" },
  "unauthorized": { status: 401, title: "A valid token is required" },
  "forbidden": { status: 403, title: "The request is not allowed from there" },
  "not-found": { status: 404, title: "Not found" },
  "method-not-allowed": { status: 405, title: "The method is not allowed here" },
  "request-timeout": { status: 408, title: "The body came too slowly" },
  "payload-too-large": { status: 413, title: "The body is too large" },
  "unsupported-media-type": { status: 415, title: "The body's format is not supported" },
  "cancelled": { status: 499, title: "The request was cancelled" },
  "deployment-fault": {
    status: 500,
    title: "The deployment has a fault that needs repair",
  },
  "internal": { status: 500, title: "Internal error" },
  "busy": { status: 503, title: "Too many requests at once" },
  "not-ready": { status: 503, title: "The answer is not ready yet" },
  "unavailable": { status: 503, title: "A required part is not available" },
} as const;

/** Name of a kind of problem; `type` is it behind `urn:twofold:problem:`. */
export type ProblemKind = keyof typeof kinds;

/** A fault of a request, found by a route. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly kind: ProblemKind;
  readonly field?: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Further members of the problem's JSON. */
  readonly members: Readonly<Record<string, unknown>>;

  constructor(kind: ProblemKind, detail: string, options: {
    readonly field?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly members?: Readonly<Record<string, unknown>>;
  } = {}) {
    super(detail);
    this.kind = kind;
    this.field = options.field;
    this.headers = options.headers ?? {};
    this.members = options.members ?? {};
  }
}

const RETRY_AFTER = { "retry-after": "1" };

/**
 * The problem that an error is to the one who asked. Internal faults keep their message to
 * themselves.
 */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof TwofoldError) {
    const { message, field } = error;
    if (error instanceof NotFoundError) return new Problem("not-found", message, { field });
    if (error instanceof TooLargeError) return new Problem("payload-too-large", message, { field });
    if (error instanceof UnansweredRangeError) {
      const { nearest } = error;
      return new Problem("invalid-request", message, { field, members: { nearest } });
    }
    if (error instanceof UserError) return new Problem("invalid-request", message, { field });
    if (error instanceof BusyError) {
      return new Problem("busy", message, { field, headers: RETRY_AFTER });
    }
    if (error instanceof NotReadyError) {
      return new Problem("not-ready", message, { field, headers: RETRY_AFTER });
    }
    if (error instanceof ProblemError) {
      return new Problem("unavailable", message, { field, members: { code: error.code } });
    }
    // The sender is told, because trying again does not help.
    if (error instanceof LogFailedError) return new Problem("unavailable", message);
    if (error.retriable) {
      const detail = "It may be back soon: try again.";
      return new Problem("unavailable", detail, { headers: RETRY_AFTER });
    }
    // Damage, a missing table, a wrong setting: waiting does not help, so the cause is named.
    if (error.fault === "external") return new Problem("deployment-fault", message);
  }
  return new Problem("internal", "The server's log tells more.");
}

const FAULTS_OF_SERVER: ReadonlySet<ProblemKind> = new Set([
  "deployment-fault",
  "internal",
  "unavailable",
]);

/** Whether a problem is worth a line in the server's log; a problem that stands has its own. */
export const isFaultOfServer = ({ kind, members }: Problem) =>
  FAULTS_OF_SERVER.has(kind) && members.code === undefined;

/** A problem as a response. */
export function problemResponse(c: Context, problem: Problem): Response {
  return responseOf(problem, c.req.path);
}

/** A refusal as a response. */
export function refusalResponse({ kind, detail }: Refusal, request: Request): Response {
  const headers: Record<string, string> = { "cache-control": "no-store" };
  if (kind === "unauthorized") headers["www-authenticate"] = 'Bearer realm="twofold"';
  return responseOf(new Problem(kind, detail, { headers }), new URL(request.url).pathname);
}

function responseOf(problem: Problem, instance: string): Response {
  const { status, title } = kinds[problem.kind];
  const body = {
    type: `urn:twofold:problem:${problem.kind}`,
    title,
    status,
    detail: problem.message,
    ...(problem.field === undefined ? {} : { field: problem.field }),
    instance,
    ...problem.members,
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...problem.headers, "content-type": "application/problem+json" },
  });
}
