/** Catalogs. */
import { z } from "zod";
import { columns, count, named, next, parameter, row, whole } from "./parts.ts";

/** All catalogs. */
export const catalogList = named(
  "CatalogList",
  z.object({
    catalogs: z.array(z.object({
      name: z.string(),
      summary: z.string(),
      columns,
      rows: count("Rows"),
      updated: z.string().nullable().meta({ description: "When it was put; null when never" }),
    })),
  }),
);

/** A part of a catalog. */
export const catalogPage = named(
  "CatalogPage",
  z.object({ catalog: z.string(), columns, rows: z.array(row), next }),
);

/** What a put of a catalog came to. */
export const catalogPut = named(
  "CatalogPut",
  z.object({ catalog: z.string(), rows: count("Rows") }),
);

/** Parameters of a catalog. */
export const catalogParameters = z.object({
  search: parameter("Words that an entry contains, in upper or lower case", "fantomas"),
  keys: parameter("Keys, with commas between", "2844,4936"),
  after: parameter("next of the page before"),
  limit: whole("Default 100", 1, 10_000),
});
