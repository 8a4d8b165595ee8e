/** Links to the page that is open. */

/**
 * A link to the same page with some of its parameters changed; null takes one away. Back on the first
 * page of rows a span ends now.
 */
export function linkWith(
  url: Pick<URL, "search">,
  changes: Readonly<Record<string, string | readonly string[] | null>>,
): string {
  const params = new URLSearchParams(url.search);
  if (changes.after === null) params.delete("until");
  for (const [name, value] of Object.entries(changes)) {
    const [first, ...others] = value === null ? [] : [value].flat();
    if (first === undefined) params.delete(name);
    else params.set(name, first);
    for (const other of others) params.append(name, other);
  }
  return `?${params}`;
}
