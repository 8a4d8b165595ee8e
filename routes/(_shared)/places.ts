/** The pages of the menu. */
import type { Services } from "../../runtime/ports/services.ts";
import { movieExample } from "./movie_example.ts";

/** A page of the menu. */
export interface Place {
  readonly path: string;
  readonly title: string;
}

/** All pages with content, in the menu's order. */
export function placesOf(services: Pick<Services, "serving">): Place[] {
  const { movies, users } = movieExample(services);
  return [
    { path: "/", title: "Overview" },
    { path: "/plugins", title: "Metrics" },
    ...(movies ? [{ path: "/movies", title: "Movies" }] : []),
    ...(users ? [{ path: "/users", title: "Users" }] : []),
    { path: "/runs", title: "Batch runs" },
    { path: "/log", title: "Log" },
    { path: "/dead-letters", title: "Dead letters" },
    { path: "/sql", title: "SQL" },
    { path: "/reference", title: "API" },
  ];
}
