/** Single records with their bytes, as JSON or as they came. */
import type { Context } from "hono";
import { accepts } from "hono/accepts";

/** The bytes of a record as they came. */
export const BYTES_TYPE = "application/octet-stream";

/** The place of a record, from its path. */
export function placeIn(c: Context) {
  const at = (name: string) => c.req.param(name)!;
  return { topic: at("topic"), partition: at("partition"), offset: at("offset") };
}

/** Whether a request asks for bytes and not for JSON. */
export function wantsBytes(c: Context): boolean {
  const supports = ["application/json", BYTES_TYPE];
  return accepts(c, { header: "Accept", supports, default: supports[0] }) === BYTES_TYPE;
}

/** A record may be anything, a page with scripts too: it is never shown as what it seems. */
export function bytesResponse(
  { partition, offset }: { readonly partition: string; readonly offset: string },
  bytes: Uint8Array<ArrayBuffer>,
): Response {
  const disposition = `attachment; filename="${partition}-${offset}.bin"`;
  return new Response(bytes, {
    headers: { "content-type": BYTES_TYPE, "content-disposition": disposition, vary: "Accept" },
  });
}

/** A record with its bytes as text and in base64. */
export const withText = <Found extends { readonly bytes: Uint8Array }>(
  { bytes, ...record }: Found,
) => ({
  ...record,
  text: new TextDecoder().decode(bytes),
  base64: bytes.toBase64(),
});
