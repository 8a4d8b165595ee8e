/** What the shapes of several routes have in common. */
import { z } from "zod";
import { type NotComparedReason, notComparedWords } from "../../../runtime/ports/services.ts";

/** Texts that a person reads: what, with an example. */
export const text = (description: string, example?: string) =>
  z.string().meta({ description, ...(example === undefined ? {} : { example }) });

export const instant = (description: string) =>
  z.string().meta({ description: `${description} (ISO 8601, UTC)`, format: "date-time" });

export const count = (description: string) => z.number().int().meta({ description });

/** A whole number that may exceed what JSON numbers hold. */
export const offset = (description: string) =>
  z.string().regex(/^\d+$/).meta({ description, example: "65536" });

export const parameter = (description: string, example?: string) =>
  text(description, example).optional();

/** A whole number among the parameters: the service reads and validates the text. */
export const whole = (description: string, min: number, max: number) =>
  z.number().int().min(min).max(max).optional().meta({ description });

export const time = (description: string) =>
  z.string().optional().meta({ description, format: "date-time" });

export const named = <T extends z.ZodType>(id: string, schema: T): T => schema.meta({ id }) as T;

/** Opaque frontiers. */
export const frontier = text(
  "Opaque: how far it reaches; comparable by wait_for",
  "local-0mwtt8uso-s746c1l9_0_1_0_3",
);

export const next = z.string().nullable().meta({
  description: "Opaque: ask again with it for what follows; null at the end",
});

export const layer = z.enum(["merged", "batch", "speed"]);

/** A column of rows. */
export const column = named(
  "Column",
  z.object({
    name: text("Name", "view_count"),
    type: text("integer, decimal, number, instant, list, or the kind of a key's field", "integer"),
    unit: text(
      "What one of its numbers is: seconds, milliseconds, bytes, share (0 to 1), percent (0 to " +
        "100) or another word; left out where the plugin declares none",
      "seconds",
    ).optional(),
  }),
);

export const columns = z.array(column);

/** A row: values by column. */
export const row = z.record(z.string(), z.unknown());

/** A fault (RFC 9457). */
export const problem = named(
  "Problem",
  z.looseObject({
    type: text("urn:twofold:problem: and the kind", "urn:twofold:problem:invalid-request"),
    title: text("The kind in words"),
    status: count("HTTP status"),
    detail: text("Expected and actual value"),
    field: text("The parameter, header or field at fault", "limit").optional(),
    code: text("The code of the problem that keeps it from being answered", "plugin_refused")
      .optional(),
    nearest: z.object({ from: z.string().nullable(), to: z.string().nullable() }).nullable()
      .optional().meta({
        description: "The nearest range of event time that can be answered; null for none",
      }),
    instance: text("The path that was asked"),
  }),
);

/** Something that Twofold cannot vouch for at the moment. */
export const standingProblem = named(
  "StandingProblem",
  z.object({
    code: text("Kind of problem", "drift"),
    subject: text("Object that is affected", "plugin ratings"),
    message: text("The fault and the next step"),
    since: instant("When it was first seen"),
    blocking: z.boolean().meta({ description: "Whether /readyz answers 503 while it stands" }),
    plugin: text("The metric whose answers carry it", "ratings").optional(),
    topic: text("The topic whose metrics' answers carry it").optional(),
    affects: z.array(z.object({
      code: text("Kind of failure", "batch_failing"),
      subject: text("What fails", "movie-viewing-events"),
      plugin: text("The metric whose answers carry the problem too").optional(),
      topic: text("The topic whose metrics' answers carry the problem too").optional(),
    })).optional().meta({ description: "Work that fails because of it; absent where none does" }),
  }),
);

export const notComparedReason = z.enum(Object.keys(notComparedWords) as NotComparedReason[])
  .meta({ description: "Why speed and batch layer could not be compared" });

/** Why something is not compared, and since when. */
export const notComparedSince = z.object({
  reason: notComparedReason,
  message: text("The reason in words"),
  since: z.string().nullable().meta({ description: "Since when, ISO 8601" }),
});
