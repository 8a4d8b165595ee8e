import { decimal, defineSchema, enumeration, instant, string, uint32 } from "twofold";

/** What people do with movies: one event for each view, pause, resume, completion and rating. */
export const movieViewing = defineSchema({
  topic: "movie-viewing-events",
  version: 1,
  summary: "What people do with movies: view, pause, resume, complete, rate",
  eventId: "event_id",
  eventTime: "timestamp",
  partitionKey: "user_id",
  fields: {
    event_id: string({ summary: "The producer's id of the event; a retry repeats it" }),
    user_id: uint32({ summary: "Who" }),
    movie_id: uint32({ summary: "Which movie" }),
    event_type: enumeration(["view", "pause", "resume", "complete", "rating"], {
      summary: "What was done",
    }),
    timestamp: instant({ summary: "When it happened" }),
    duration: decimal({
      summary: "Seconds watched",
      scale: 3,
      min: -100_000_000,
      max: 100_000_000,
      nullable: true,
      unit: "seconds",
    }),
    rating: decimal({
      summary: "Stars, 0 to 10",
      scale: 2,
      min: 0,
      max: 10,
      nullable: true,
      unit: "stars",
    }),
  },
});
