/** What a HEAD is told of the length that a GET's answer has. */

/** Shorter answers are sent as they are. */
export const COMPRESSED_FROM_BYTES = 1024;

/**
 * The API's answer to a HEAD with no length where a GET's is not known: an answer without a body
 * would be told as one of 0 bytes (RFC 9110, 8.6). Others stay as they are.
 *
 * @example
 * ```ts
 * import { headAnswer } from "./head.ts";
 * const asked = new Request("http://localhost/metrics", { method: "HEAD" });
 * const { body } = headAnswer(asked, new Response(null));
 * if (body === null) throw new Error("it would have a length");
 * await body.cancel();
 * ```
 */
export function headAnswer(request: Request, response: Response): Response {
  const { headers, status } = response;
  if (request.method !== "HEAD" || status === 304) return response;
  // A GET is compressed on its way, which no HEAD is.
  const compresses = /\bgzip\b|\*/.test(request.headers.get("accept-encoding") ?? "") &&
    !headers.has("content-encoding") &&
    Number(headers.get("content-length")) >= COMPRESSED_FROM_BYTES;
  if (compresses) headers.delete("content-length");
  return headers.has("content-length")
    ? response
    : new Response(ReadableStream.from<Uint8Array>([]), response);
}
