/** Who may write. */
import { createHash, timingSafeEqual } from "node:crypto";
import { Problem } from "./problem.ts";

const digest = (text: string) => createHash("sha256").update(text).digest();

/**
 * Lets a request write, or not: browsers only from a page of our own, and, where a token is set,
 * only who has it.
 *
 * @throws {Problem} 401 or 403.
 */
export function checkWriter(request: Request, writeToken: string | undefined): void {
  const site = request.headers.get("sec-fetch-site") ?? "none";
  if (site !== "none" && site !== "same-origin") {
    throw new Problem("forbidden", "Requests of pages from other sites may not write");
  }
  if (writeToken === undefined) return;
  const given = /^bearer (.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
  // Digests have one length, so the comparison takes the same time for every token.
  if (timingSafeEqual(digest(given), digest(writeToken))) return;
  throw new Problem("unauthorized", "Send the token as: Authorization: Bearer <token>", {
    headers: { "www-authenticate": 'Bearer realm="twofold"' },
  });
}
