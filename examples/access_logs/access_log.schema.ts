import { decimal, defineSchema, instant, integer, string } from "twofold";

/** Requests that a web server answered. */
export const accessLog = defineSchema({
  topic: "access-log",
  version: 1,
  summary: "Requests that a web server answered",
  eventId: "id",
  eventTime: "at",
  partitionKey: "client",
  fields: {
    id: string({ summary: "A hash of everything else but the time" }),
    at: instant({ summary: "When the request came" }),
    client: string({ summary: "The client's address", maxBytes: 64 }),
    method: string({ summary: "GET, POST, …", maxBytes: 32 }),
    path: string({ summary: "The path without its query", maxBytes: 4096 }),
    status: integer({ summary: "The response's status", min: 100, max: 599 }),
    bytes: integer({
      summary: "Bytes of the response's body",
      min: 0,
      max: 100_000_000_000,
      unit: "bytes",
    }),
    seconds: decimal({
      summary: "How long the response took, where the log tells",
      scale: 3,
      min: 0,
      max: 100_000,
      nullable: true,
      unit: "seconds",
    }),
    agent: string({ summary: "The client's User-Agent", maxBytes: 4096, nullable: true }),
  },
});
