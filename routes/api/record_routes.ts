/** Routes of events and dead letters. */
import { z } from "zod";
import type { Services } from "../../runtime/ports/services.ts";
import {
  deadLetterReasons,
  exportDeadLetters,
  exportTypes,
  listDeadLetters,
  oneDeadLetter,
  redriveDeadLetters,
} from "./dead_letters.ts";
import { eventTypes, listEvents, oneEvent, takeEvents } from "./events.ts";
import { BYTES_TYPE } from "./record_bytes.ts";
import { type Route, route } from "./route.ts";
import * as schemas from "./schemas.ts";

const KIB = 1024;

/** The path of a record. */
const placeParams = (services: Services) => ({
  topic: { description: "Topic", names: () => Promise.resolve([...services.batch.keys()]) },
  partition: { description: "Partition", max: 4_294_967_295 },
  offset: { description: "Offset", max: Number.MAX_SAFE_INTEGER },
});

/** The routes tagged Events. */
export function eventRoutes(services: Services, maxEventBytes: number): Route[] {
  const tag = "Events";
  // Those of now, for the document: a reload may change them.
  const formats = [...services.formats].map(([name, looks]) => `${name}: ${looks}`).join("; ");
  return [
    route({
      id: "sendEvents",
      at: "POST /api/v1/events",
      tag,
      summary: "Ingest events",
      description:
        "Answers when all events are durable. Retries are safe: an event with the same id and " +
        "timestamp counts once.",
      query: z.object({
        topic: z.string().optional().meta({ description: "Default: the only topic" }),
        format: z.string().optional().meta({
          enum: [...services.formats.keys()],
          description: `Default: from content-type; required for text/plain. ${formats}`,
        }),
      }),
      body: {
        types: Object.keys(eventTypes),
        maxBytes: maxEventBytes,
        required: true,
        summary: "Events in one of the formats; content-encoding may be gzip or zstd",
      },
      access: "write",
      timeoutMs: null,
      answer: schemas.ingestAnswer,
      handle: (asked) => takeEvents(services, asked),
    }),
    route({
      id: "listEvents",
      at: "GET /api/v1/events",
      tag,
      summary: "List records: the newest, or those up to an offset or a time, or with a value",
      description:
        "A search by field and value looks through a bounded number of records, from the newest " +
        "on, and says how far it got; next continues below.",
      query: schemas.eventParameters,
      answer: schemas.eventList,
      handle: (asked) => listEvents(services, asked),
    }),
    route({
      id: "getEvent",
      at: "GET /api/v1/events/{topic}/{partition}/{offset}",
      tag,
      summary: "Get a record with its bytes",
      pathParams: placeParams(services),
      faults: [404],
      answer: schemas.wholeEvent,
      otherAnswers: [BYTES_TYPE],
      handle: (asked) => oneEvent(services, asked),
    }),
  ];
}

/** The routes tagged Dead letters. */
export function deadLetterRoutes(services: Services): Route[] {
  const tag = "Dead letters";
  return [
    route({
      id: "listDeadLetters",
      at: "GET /api/v1/dead-letters",
      tag,
      summary: "List dead letters, newest first",
      query: schemas.deadLetterParameters,
      answer: schemas.deadLetterList,
      table: ({ dead_letters: rows }) => ({
        columns: Object.keys(schemas.deadLetterList.shape.dead_letters.element.shape)
          .map((name) => ({ name })),
        rows,
      }),
      handle: (asked) => listDeadLetters(services, asked),
    }),
    route({
      id: "listDeadLetterReasons",
      at: "GET /api/v1/dead-letters/reasons",
      tag,
      summary: "Count dead letters by reason, most frequent first",
      query: schemas.deadLetterFilterParameters,
      answer: schemas.deadLetterReasons,
      table: ({ reasons: rows }) => ({
        columns: Object.keys(schemas.deadLetterReasons.shape.reasons.element.shape)
          .map((name) => ({ name })),
        rows,
      }),
      handle: (asked) => deadLetterReasons(services, asked),
    }),
    route({
      id: "exportDeadLetters",
      at: "GET /api/v1/dead-letters/export",
      tag,
      summary: "Download dead letters with their bytes, in the order of the log",
      query: schemas.deadLetterFilterParameters.extend({
        as: z.enum(["ndjson", "csv"]).optional().meta({ description: "Default ndjson" }),
      }),
      timeoutMs: null,
      answer: null,
      otherAnswers: Object.values(exportTypes),
      handle: (asked) => exportDeadLetters(services, asked),
    }),
    route({
      id: "redriveDeadLetters",
      at: "POST /api/v1/dead-letters/redrive",
      tag,
      summary: "Send dead letters again as events",
      description:
        "Answers when all events are durable. Repeating is safe: an event counts once, and a dead " +
        "letter never becomes two events. A record without an event id gets one made of its place.",
      body: {
        types: ["application/json"],
        maxBytes: 256 * KIB,
        required: true,
        summary: "Which dead letters, and the fields to set",
        schema: schemas.redriveRequest,
      },
      access: "write",
      timeoutMs: null,
      faults: [404],
      answer: schemas.redriveAnswer,
      handle: (asked) => redriveDeadLetters(services, asked),
    }),
    route({
      id: "getDeadLetter",
      at: "GET /api/v1/dead-letters/{topic}/{partition}/{offset}",
      tag,
      summary: "Get a dead letter with its bytes",
      pathParams: placeParams(services),
      faults: [404],
      answer: schemas.deadLetter,
      otherAnswers: [BYTES_TYPE],
      handle: (asked) => oneDeadLetter(services, asked),
    }),
  ];
}
