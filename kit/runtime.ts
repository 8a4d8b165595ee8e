/** What pages and islands use on both sides; imported as "fresh/runtime". */
import { type ComponentChildren, createContext, type VNode } from "preact";
import { useContext } from "preact/hooks";

/** Whether this runs in a browser. */
export const IS_BROWSER = typeof document !== "undefined";

/** Takes what belongs into the document's head while a page is rendered. */
export const HeadContext = createContext<((children: ComponentChildren) => void) | null>(null);

/** Puts its children into the document's head; a title here replaces the app wrapper's. */
export function Head({ children }: { readonly children?: ComponentChildren }): VNode | null {
  useContext(HeadContext)?.(children);
  return null;
}
