/** The search. */
import { z } from "zod";
import { named, parameter, text, whole } from "./parts.ts";
import { searchKinds } from "../../(_shared)/search.ts";

/** What a search found. */
export const searchAnswer = named(
  "SearchAnswer",
  z.object({
    items: z.array(z.object({
      kind: z.enum(searchKinds).meta({
        description: "page, metric, measure, relation, or entry of a catalog",
      }),
      title: text("Title, name or catalog entry", "Popular movies"),
      detail: text("A line that tells it from others of the title"),
      url: text("The path of the page that shows it", "/plugins/popular_movies"),
    })),
    more: z.boolean().meta({ description: "Whether there are more than limit" }),
  }),
);

/** Parameters of the search. */
export const searchParameters = z.object({
  q: parameter("Words that all have to occur, in upper or lower case; default none"),
  limit: whole("Default 20", 1, 100),
});
