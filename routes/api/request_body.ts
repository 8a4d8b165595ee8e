/** Request bodies: their format, their size. */
import type { z } from "zod";
import type { BodyEncoding } from "../../runtime/ports/services.ts";
import { bodyFault } from "./body_fault.ts";
import { Problem } from "./problem.ts";

/**
 * The media type of a request, in lower case and without parameters.
 *
 * @throws {Problem} 415 for a type that is not in `allowed`, or another charset than UTF-8.
 */
export function mediaType(request: Request, allowed: readonly string[]): string {
  const header = request.headers.get("content-type") ?? "";
  const [type, ...parameters] = header.split(";").map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith("charset="))?.slice(8);
  const utf8 = charset === undefined || /^"?utf-?8"?$/.test(charset);
  if (!allowed.includes(type) || !utf8) {
    const got = header === "" ? "none" : JSON.stringify(header.slice(0, 80));
    const detail = `content-type must be ${allowed.join(" or ")} in UTF-8, got ${got}`;
    throw new Problem("unsupported-media-type", detail, {
      field: "content-type",
      headers: { accept: allowed.join(", ") },
    });
  }
  return type;
}

/**
 * What a request's body is compressed with.
 *
 * @throws {Problem} 415 for what is not in `allowed`.
 */
export function bodyEncoding(
  request: Request,
  allowed: readonly BodyEncoding[],
): BodyEncoding | undefined {
  const given = request.headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (given === "identity") return undefined;
  const known = allowed.find((encoding) => encoding === given);
  if (known !== undefined) return known;
  const wanted = ["identity", ...allowed].join(" or ");
  const detail = `content-encoding must be ${wanted}, got ${JSON.stringify(given.slice(0, 80))}`;
  throw new Problem("unsupported-media-type", detail, {
    field: "content-encoding",
    headers: { "accept-encoding": allowed.join(", ") || "identity" },
  });
}

/** A body that is cut off, with an error, once it is larger or slower than allowed. */
export interface LimitedBody {
  readonly stream: ReadableStream<Uint8Array>;
  /** The fault of a body that was too large or too slow; null as long as it was neither. */
  readonly fault: () => Problem | null;
}

/**
 * The largest body that comes in chunks, without a content-length. Deno 2.9.6 takes such a body from
 * the socket twice as fast as it is read and moves what waits at each read, so that memory grows
 * with the body and time with its square. One with a length waits in the socket.
 */
const MAX_UNMEASURED_BYTES = 64 * 2 ** 20;

/** How long a body may keep the server waiting in all, beside a second for each KiB of it. */
const PATIENCE_MS = 30_000;

/**
 * A request's body of at most `maxBytes` bytes, and less where it does not say its length. A body
 * may keep the server waiting for `patienceMs` and a second for each KiB that has come; what the
 * server itself takes to process it does not count.
 *
 * @param patienceMs default 30,000.
 * @throws {Problem} 413 when the request says beforehand that it is larger.
 */
export function limitedBody(
  request: Request,
  maxBytes: number,
  patienceMs = PATIENCE_MS,
): LimitedBody {
  const length = request.headers.get("content-length");
  const most = length === null ? Math.min(maxBytes, MAX_UNMEASURED_BYTES) : maxBytes;
  const way = most < maxBytes ? " without a content-length" : "";
  const tooLarge = () =>
    new Problem("payload-too-large", `The body must be at most ${most} bytes${way}`);
  if (Number(length ?? 0) > most) throw tooLarge();
  const tooSlow = () =>
    new Problem("request-timeout", "The body must come faster: at least 1 KiB a second on average");
  let fault: Problem | null = null;
  let seen = 0, waitedMs = 0;
  const reader = (request.body ?? new Response("").body!).getReader();
  const fail = (controller: ReadableStreamDefaultController<Uint8Array>, problem: Problem) => {
    fault = problem;
    controller.error(problem);
    return reader.cancel(problem);
  };
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const from = performance.now();
      const read = await within(reader.read(), patienceMs + seen - waitedMs);
      waitedMs += performance.now() - from;
      if (read === null) return await fail(controller, tooSlow());
      if (read.done) return controller.close();
      seen += read.value.length;
      if (seen > most) return await fail(controller, tooLarge());
      controller.enqueue(read.value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
  return { stream, fault: () => fault };
}

/** What a promise gives, or null where it takes longer. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), ms));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A small JSON object from a body that may be empty.
 *
 * @throws {Problem} 400, 413 or 415.
 */
export async function smallObject(
  request: Request,
  maxBytes: number,
): Promise<Readonly<Record<string, unknown>>> {
  const text = await smallText(request, maxBytes);
  if (text === "") return {};
  mediaType(request, ["application/json"]);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // Told below, as any other body that is no object.
  }
  throw new Problem("invalid-request", "The body must be a JSON object or empty", {
    field: "body",
  });
}

/**
 * A small body as text.
 *
 * @throws {Problem} 413 or 415.
 */
export async function smallText(request: Request, maxBytes: number): Promise<string> {
  bodyEncoding(request, []);
  const { stream, fault } = limitedBody(request, maxBytes);
  return await new Response(stream).text().catch((error) => {
    throw fault() ?? error;
  });
}

/**
 * A small JSON object of a schema.
 *
 * @throws {Problem} naming the first field that is at fault.
 */
export async function objectOf<T>(
  schema: z.ZodType<T>,
  request: Request,
  maxBytes: number,
): Promise<T> {
  const body = schema.safeParse(await smallObject(request, maxBytes), { reportInput: true });
  if (body.success) return body.data;
  const { field, detail } = bodyFault(schema, body.error.issues[0]);
  throw new Problem("invalid-request", detail, { field });
}
