/** The SQL console. */
import { z } from "zod";
import { columns, named, next, row, text } from "./parts.ts";

const sqlLimit = z.number().int().min(1).max(1_000_000).optional().meta({
  description: "The most rows; default 1,000",
});

const sqlAfter = z.string().optional().meta({
  description: "next of the page before: the statement runs again, without the rows up to there",
});

/** A statement to run. */
export const sqlQuestion = named(
  "SqlQuestion",
  z.strictObject({
    sql: text(
      "One SELECT, EXPLAIN, SHOW or DESCRIBE",
      "SELECT * FROM batch_popular_movies ORDER BY view_count DESC LIMIT 3",
    ),
    limit: sqlLimit,
    after: sqlAfter,
  }),
);

/** Parameters of a statement that comes as plain text. */
export const sqlParameters = z.object({ limit: sqlLimit, after: sqlAfter });

/** Rows of a statement. */
export const sqlAnswer = named(
  "SqlAnswer",
  z.object({
    columns,
    rows: z.array(row),
    truncated: z.boolean().meta({ description: "Whether there are more rows" }),
    next,
    seconds: z.number(),
  }),
);
