/** A term with its explanation. */
import type { ComponentChildren } from "preact";
import { type ExplainedTerm, explanationId } from "./glossary.ts";

declare module "preact" {
  interface ButtonHTMLAttributes<T extends EventTarget = HTMLButtonElement> {
    /** The popover that hover and focus show; browsers without interest invokers ignore it. */
    readonly interestfor?: string;
  }
}

/**
 * The name of a figure whose explanation comes on hover, focus, click and tap. The layout holds the
 * explanations of all terms, and nothing here needs a script.
 */
export function Term({ of, children }: {
  readonly of: ExplainedTerm;
  readonly children: ComponentChildren;
}) {
  const id = explanationId(of);
  return (
    <button
      type="button"
      class="term"
      popovertarget={id}
      popovertargetaction="show"
      interestfor={id}
      aria-describedby={id}
    >
      {children}
    </button>
  );
}
