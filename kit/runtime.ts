/** For pages and islands, on the server and in the browser; imported as "fresh/runtime". */
import type { ComponentChildren } from "preact";
import { useContext } from "preact/hooks";
import { HeadContext } from "./head_context.ts";

/** Whether this code runs in a browser. */
export const IS_BROWSER = typeof document !== "undefined";

/** Puts its children into the document's head; of several titles the last rendered one stays. */
export function Head({ children }: { readonly children?: ComponentChildren }): null {
  useContext(HeadContext)?.push(children);
  return null;
}
