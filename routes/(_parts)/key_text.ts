/** Keys in the URL of a metric's page. */

/** The most keys that have a line of their own in the chart: as many as there are colours. */
export const MOST_LINES = 6;

/** A key as text: the value of its column; of several columns a JSON array of their values. */
export function keyText(names: readonly string[], row: Readonly<Record<string, unknown>>): string {
  const values = names.map((name) => String(row[name]));
  return values.length === 1 ? values[0] : JSON.stringify(values);
}

/** The key that a text of {@link keyText} stands for; null for any other text. */
export function readKey(
  names: readonly string[],
  text: string,
): Readonly<Record<string, string>> | null {
  if (names.length === 1) return { [names[0]]: text };
  try {
    const values = JSON.parse(text);
    const fits = Array.isArray(values) && values.length === names.length &&
      values.every((value) => typeof value === "string");
    return fits ? Object.fromEntries(names.map((name, i) => [name, values[i]])) : null;
  } catch {
    return null;
  }
}
