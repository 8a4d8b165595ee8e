/** What a metric's page is filtered by, and which keys its chart compares. */
import type { MetricInfo } from "../../runtime/ports/services.ts";
import { label } from "../(_parts)/figures.ts";
import { MOST_LINES, readKey } from "../(_parts)/key_text.ts";
import { linkWith } from "../(_parts)/link_with.ts";
import { keyTitle, type Names } from "../(_parts)/Rows.tsx";
import type { View } from "../(_shared)/metric_questions.ts";

/** Each with a link that takes it away; nothing where there is neither. */
export function FilterChips({ info, view: { keys, compare }, names, url }: {
  readonly info: MetricInfo;
  readonly view: View;
  readonly names: Names;
  readonly url: URL;
}) {
  const columns = info.keys.map(({ name }) => name);
  const filters = Object.keys(keys);
  if (filters.length + compare.length === 0) return null;
  return (
    <ul class="chips" aria-label="Filter and comparison">
      {filters.map((name) => (
        <Chip
          key={name}
          text={`${label(name)}: ${names[name]?.[keys[name]] ?? keys[name]}`}
          without={linkWith(url, { [name]: null, after: null })}
        />
      ))}
      {compare.map((text) => {
        const key = readKey(columns, text);
        return (
          <Chip
            key={text}
            text={`In the chart: ${key === null ? text : keyTitle(columns, key, names)}`}
            without={linkWith(url, { chart_key: compare.filter((other) => other !== text) })}
          />
        );
      })}
      {compare.length > 1 && (
        <li>
          <a href={linkWith(url, { chart_key: null })}>Stop comparing</a>
        </li>
      )}
      {compare.length >= MOST_LINES && <li>The chart compares at most {MOST_LINES} keys.</li>}
    </ul>
  );
}

function Chip({ text, without }: { readonly text: string; readonly without: string }) {
  return (
    <li class="chip">
      {text} <a href={without} aria-label={`Remove ${text}`}>×</a>
    </li>
  );
}
