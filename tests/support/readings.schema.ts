import {
  boolean,
  decimal,
  defineSchema,
  enumeration,
  instant,
  integer,
  string,
  uint32,
} from "../../runtime/events.ts";

/** A schema with a field of every kind, plain and nullable. */
export const readings = defineSchema({
  topic: "readings",
  version: 1,
  summary: "Readings of a meter",
  eventId: "id",
  eventTime: "at",
  partitionKey: "meter",
  fields: {
    id: string(),
    at: instant(),
    meter: uint32(),
    count: integer({ min: -1e11, max: 1e11 }),
    count_or_null: integer({ nullable: true }),
    level: decimal({ scale: 3, min: -1e6, max: 1e6 }),
    level_or_null: decimal({ scale: 2, min: -1e6, max: 1e6, nullable: true }),
    state: enumeration(["it's on", "off", "unknown"]),
    state_or_null: enumeration(["a", "b"], { nullable: true }),
    good: boolean(),
    good_or_null: boolean({ nullable: true }),
    note: string({ nullable: true }),
    other_or_null: uint32({ nullable: true }),
  },
});
