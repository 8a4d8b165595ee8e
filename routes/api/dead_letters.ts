/** Dead letters: the list, and one with its bytes. */
import { accepts } from "hono/accepts";
import type { Services } from "../../runtime/ports/services.ts";
import type { Asked } from "./route.ts";

/** The bytes of a record as they came. */
export const BYTES_TYPE = "application/octet-stream";

/** `GET /api/v1/dead-letters` */
export async function listDeadLetters({ deadLetters }: Services, { params, signal }: Asked) {
  const { items, next } = await deadLetters.list(params, signal);
  return { dead_letters: [...items], next };
}

/** `GET /api/v1/dead-letters/{topic}/{partition}/{offset}` */
export async function oneDeadLetter({ deadLetters }: Services, { c, signal }: Asked) {
  const at = (name: string) => c.req.param(name)!;
  const { bytes, ...letter } = await deadLetters.one(
    { topic: at("topic"), partition: at("partition"), offset: at("offset") },
    signal,
  );
  const supports = ["application/json", BYTES_TYPE];
  const wanted = accepts(c, { header: "Accept", supports, default: supports[0] });
  if (wanted === BYTES_TYPE) {
    // A record may be anything, a page with scripts too: it is never shown as what it seems.
    const disposition = `attachment; filename="${letter.partition}-${letter.offset}.bin"`;
    return new Response(bytes, {
      headers: { "content-type": BYTES_TYPE, "content-disposition": disposition, vary: "Accept" },
    });
  }
  return { ...letter, text: new TextDecoder().decode(bytes), base64: bytes.toBase64() };
}
