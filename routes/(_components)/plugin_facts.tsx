/** What the author of a plugin wrote. */
import type { PluginText } from "../../runtime/ports/services.ts";

/** Declaration, batch SQL, relations. */
export function PluginTexts({ text }: { readonly text: PluginText }) {
  const { relations } = text;
  return (
    <section aria-labelledby="declared">
      <h2 id="declared">Definition</h2>
      <p class="hint">
        SQL relations: <code>{relations.merged}</code>, <code>{relations.batch}</code>,{" "}
        <code>{relations.speed}</code>
      </p>
      <details class="source">
        <summary>
          Declaration, <code>{text.file}</code>
        </summary>
        <pre tabIndex={0}><code>{text.source}</code></pre>
      </details>
      <details class="source">
        <summary>Batch SQL</summary>
        <pre tabIndex={0}><code>{text.batch_sql}</code></pre>
      </details>
    </section>
  );
}
