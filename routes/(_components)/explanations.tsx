/** The explanations that terms of a page show: once per document, in its top layer. */
import type { VNode } from "preact";
import { explained, explanationId, glossary } from "../(_parts)/glossary.ts";

/** All of them, hidden until a `Term` is pointed at, focused or pressed. */
export function Explanations(): VNode {
  return (
    <div>
      {explained.map((term) => (
        <p key={term} id={explanationId(term)} class="explanation" popover="auto">
          <b>{term}</b> {glossary[term].split("`").map((part, i) =>
            i % 2 === 0 ? part : <code key={i}>{part}</code>
          )}.
        </p>
      ))}
    </div>
  );
}
