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

/** A parameter at fault, and a link to the same page without it. */
export interface Without {
  readonly parameter: string;
  readonly href: string;
}

/** The way out of a fault of a parameter; null where the page's URL does not have it. */
export function withoutOf(url: Pick<URL, "search">, parameter: string | null): Without | null {
  if (parameter === null || !new URLSearchParams(url.search).has(parameter)) return null;
  return { parameter, href: linkWith(url, { after: null, [parameter]: null }) };
}
