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

const event = {
  topic: z.string(),
  partition: count("Partition"),
  offset: offset("Offset"),
  append_time: instant("When the log took it"),
  kind: z.enum(["event", "tick", "dead-letter"]),
  event: row.nullable().meta({ description: "The declared fields; null for other kinds" }),
};

/** The newest records. */
export const eventList = named(
  "EventList",
  z.object({
    events: z.array(z.object({
      ...event,
      text: text("The record as it came, cut off after 4,096 characters"),
    })),
    next: next.meta({
      description: "Opaque: asks for older records by before (or newer, by after)",
    }),
    newest: text("Opaque: where the newest of these ends; for after"),
    scanned: z.object({
      records: count("Records that were looked through"),
      left: count("Older records that were not"),
      back_to: z.string().nullable().meta({
        description: "Append time down to which all are found; null at the end of the log",
      }),
    }).nullable().meta({ description: "How far a search by a field got; null for other lists" }),
  }),
);

/** A record as a whole. */
export const wholeEvent = named(
  "Event",
  z.object({
    ...event,
    text: text("The record; bytes that are no UTF-8 as U+FFFD"),
    base64: text("The record's bytes"),
  }),
);

/** Parameters of the newest records. */
export const eventParameters = z.object({
  topic: parameter("Default the only topic"),
  partition: whole("Default all", 0, 255),
  before: parameter("next of the page before: older records"),
  after: parameter("newest of an earlier answer: what came behind it, the oldest first"),
  offset: whole("Up to this offset of the partition", 0, Number.MAX_SAFE_INTEGER),
  time: parameter("Appended up to then; ISO 8601, UTC unless it has a zone"),
  field: parameter("A declared field: only events with value"),
  value: parameter("The field's value as text"),
  scan: whole("Records that a search looks through; default 20000", 1, 200_000),
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
  redriven: instant("When it was last sent again as an event; null if never").nullable(),
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
    redrives: z.array(z.object({
      at: instant("When"),
      by: text("Who"),
      set: row.meta({ description: "The fields that were set" }),
      event_id: text("Id of the event that it became"),
      event_time: instant("Time of that event"),
      sent: z.boolean().meta({
        description: "Whether the log took the event; also false if the process stopped before " +
          "it could record that",
      }),
    })).meta({ description: "Each time it was redriven, newest first" }),
  }),
);

const deadLetterFilter = {
  topic: parameter("Topic"),
  partition: whole("Partition", 0, 4_294_967_295),
  field: parameter("The field at fault", "rating"),
  reason: parameter("Text that the reason contains, in upper or lower case"),
  from: time("Append times from here on (ISO 8601)"),
  to: time("Append times before this (ISO 8601)"),
  from_offset: whole("Offsets from here on", 0, Number.MAX_SAFE_INTEGER),
  to_offset: whole("Offsets before this", 0, Number.MAX_SAFE_INTEGER),
};

/** Parameters that choose dead letters. */
export const deadLetterFilterParameters = z.object(deadLetterFilter);

/** Parameters of the dead letters. */
export const deadLetterParameters = z.object({
  ...deadLetterFilter,
  after: parameter("next of the page before"),
  limit: whole("Default 50", 1, 1_000),
});

/** Dead letters by what is wrong with them. */
export const deadLetterReasons = named(
  "DeadLetterReasons",
  z.object({
    reasons: z.array(z.object({
      topic: z.string(),
      field: text("The field at fault; empty when it is the whole record"),
      reason: text("Expected value", "rating must be at most 10"),
      letters: count("Dead letters"),
      first: instant("When the log took the first of them"),
      last: instant("When the log took the last of them"),
    })),
  }),
);

/** What a redrive takes. */
export const redriveRequest = named(
  "RedriveRequest",
  z.strictObject({
    ...deadLetterFilter,
    letters: z.array(z.string()).max(1000).optional().meta({
      description: "Dead letters as TOPIC/PARTITION/OFFSET, in place of a filter",
    }),
    all: z.boolean().optional().meta({
      description: "Must be true if neither letters nor a filter are given",
    }),
    set: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).optional()
      .meta({
        description: "Values of declared fields, in place of those of the records. Text is read " +
          "as the field's type",
        example: { rating: 10 },
      }),
    dry_run: z.boolean().optional().meta({
      description: "Report what would happen and change nothing; default false",
    }),
    by: text("Who redrives them, for the record; required unless dry_run", "ada").optional(),
  }),
);

/** What a redrive answers. */
export const redriveAnswer = named(
  "RedriveAnswer",
  z.object({
    dry_run: z.boolean(),
    letters: count("Dead letters that were chosen"),
    decodable: count("Those that decode with the fields set, and were not sent with other values"),
    repeated: count("Of these, those redriven before with the same values: they count once"),
    sent: count("Events that the log took; 0 in a dry run"),
    refused: z.array(z.object({
      letter: text("TOPIC/PARTITION/OFFSET"),
      field: text("The field at fault; empty when it is the whole record"),
      reason: text("Why it cannot be redriven"),
    })).meta({ description: "The first hundred that cannot be redriven" }),
    refused_total: count("All that cannot be redriven"),
    frontier,
  }),
);
