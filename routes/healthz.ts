/** A part of the HTTP interface with a path that others expect. */
export { handler } from "./api/[...path].ts";
