/** What pages and islands use on both sides; imported as "fresh/runtime". */
import { type ComponentChildren, createContext } from "preact";
import { useContext } from "preact/hooks";

/** Whether this runs in a browser. */
export const IS_BROWSER = typeof document !== "undefined";

/** Collects what belongs into the document's head while a page is rendered. */
export const HeadContext = createContext<ComponentChildren[] | null>(null);

/** Puts its children into the document's head; the last title of all holds. */
export function Head({ children }: { readonly children?: ComponentChildren }): null {
  useContext(HeadContext)?.push(children);
  return null;
}
