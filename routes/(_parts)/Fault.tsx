/** Why a part of a page has no new answer. */
import { instantText } from "./figures.ts";
import type { Part } from "./metric_data.ts";

/** The fault, and how old the answer is that is shown in place of a new one; nothing without one. */
export function Fault({ part: { answer, fault, at } }: { readonly part: Part<unknown> }) {
  if (fault === null) return null;
  return (
    <p class="note fault" role="status">
      {fault}
      {answer !== null && ` Showing data as of ${instantText(at)}.`}
    </p>
  );
}
