import { type ComponentChildren, createContext } from "preact";

/** Collects the additions to the document's head while a page is rendered. */
export const HeadContext = createContext<ComponentChildren[] | null>(null);
