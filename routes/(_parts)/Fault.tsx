/** Why a part of a page has no new answer. */
import { instantText } from "./figures.ts";
import type { Without } from "./link_with.ts";
import type { Part } from "./metric_data.ts";

/** The fault, and how old the answer is that is shown in place of a new one; nothing without one. */
export function Fault({ part: { answer, fault, at, without } }: { readonly part: Part<unknown> }) {
  const age = answer === null ? "" : ` Showing data as of ${instantText(at)}.`;
  return <FaultNote fault={fault === null ? null : fault + age} without={without} />;
}

/** A fault, with a link that drops the parameter at fault; nothing without one. */
export function FaultNote({ fault, without = null }: {
  readonly fault: string | null;
  readonly without?: Without | null;
}) {
  if (fault === null) return null;
  return (
    <p class="note fault" role="status">
      {fault} {without !== null && <a href={without.href}>Remove {without.parameter}</a>}
    </p>
  );
}
