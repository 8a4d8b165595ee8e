import type { Signal } from "@preact/signals";
import type { RefObject } from "preact";
import { piecesOf } from "./sql_text.ts";

/** A text field over its own text in colours; Ctrl+Enter or ⌘+Enter runs it. */
export function SqlEditor({ sql, field, onRun }: {
  readonly sql: Signal<string>;
  readonly field: RefObject<HTMLTextAreaElement | null>;
  readonly onRun: () => void;
}) {
  return (
    <div class="editor">
      <pre aria-hidden="true">
        {piecesOf(sql.value).map(({ text, kind }, i) =>
          kind === null ? text : <span key={i} class={`sql-${kind}`}>{text}</span>
        )}
        {"\n"}
      </pre>
      <textarea
        ref={field}
        aria-label="SQL statement"
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
        value={sql.value}
        onInput={(event) => sql.value = event.currentTarget.value}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
          event.preventDefault();
          onRun();
        }}
      />
    </div>
  );
}
