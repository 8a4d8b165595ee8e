/** Events and dead letters. */
import { z } from "zod";
import {
  count,
  frontier,
  instant,
  named,
  next,
  offset,
  parameter,
  row,
  text,
  time,
  whole,
} from "./parts.ts";

/** What the ingest answers. */
export const ingestAnswer = named(
  "IngestAnswer",
  z.object({
    accepted: count("Events that are durable and will be counted"),
    rejected: z.array(z.object({
      line: count("Line, from 1"),
      field: text("The field at fault; empty when it is the whole line"),
      reason: text("Expected and actual value"),
    })).meta({ description: "The first hundred faults" }),
    rejected_total: count("All faults"),
    frontier,
  }),
);

/** The newest records. */
export const eventList = named(
  "EventList",
  z.object({
    events: z.array(z.object({
      topic: z.string(),
      partition: count("Partition"),
      offset: offset("Offset"),
      append_time: instant("When the log took it"),
      kind: z.enum(["event", "tick", "dead-letter"]),
      event: row.nullable().meta({ description: "The declared fields; null for other kinds" }),
      text: text("The record as it came, cut off after 4,096 characters"),
    })),
    next: next.meta({
      description: "Opaque: asks for older records by before (or newer, by after)",
    }),
    newest: text("Opaque: where the newest of these ends; for after"),
  }),
);

/** Parameters of the newest records. */
export const eventParameters = z.object({
  topic: parameter("Default the only topic"),
  partition: whole("Default all", 0, 255),
  before: parameter("next of the page before: older records"),
  after: parameter("newest of an earlier answer: what came behind it, the oldest first"),
  limit: whole("Default 50", 1, 1_000),
});

const letter = {
  topic: z.string(),
  log: text("Identity of the log"),
  partition: count("Partition"),
  offset: offset("Offset"),
  append_time: instant("When the log took it"),
  field: text("The field at fault; empty when it is the whole record"),
  reason: text("Expected and actual value"),
  size_bytes: count("Size of the record"),
  preview: text("Its beginning, at most 200 characters"),
};

/** Dead letters. */
export const deadLetterList = named(
  "DeadLetterList",
  z.object({ dead_letters: z.array(z.object(letter)), next }),
);

/** A dead letter as a whole. */
export const deadLetter = named(
  "DeadLetter",
  z.object({
    ...letter,
    text: text("The record; bytes that are no UTF-8 as U+FFFD"),
    base64: text("The record's bytes"),
  }),
);

/** Parameters of the dead letters. */
export const deadLetterParameters = z.object({
  topic: parameter("Topic"),
  partition: whole("Partition", 0, 4_294_967_295),
  field: parameter("The field at fault", "rating"),
  reason: parameter("A part of the reason, whatever the case"),
  from: time("Append times from here on (ISO 8601)"),
  to: time("Append times before this (ISO 8601)"),
  after: parameter("next of the page before"),
  limit: whole("Default 50", 1, 1_000),
});
