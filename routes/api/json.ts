/** JSON answers. */

/** A value as a JSON response; bigints become strings. */
export function json(value: unknown, status = 200): Response {
  const text = JSON.stringify(
    value,
    (_key, member) => typeof member === "bigint" ? String(member) : member,
  );
  return new Response(text, {
    status,
    headers: { "content-type": "application/json; charset=utf-8" },
  });
}
