/** What the kinds of search results are called. */
import type { SearchItem } from "../(_shared)/search.ts";

export const kindLabels: Readonly<Record<SearchItem["kind"], string>> = {
  page: "Page",
  metric: "Metric",
  measure: "Measure",
  relation: "SQL",
  entry: "Catalog",
};
