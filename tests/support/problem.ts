import type { Problem } from "../../runtime/model/problems.ts";

/** A blocking problem with the given message. */
export const problemOf = (message: string): Problem => ({
  code: "partition_stopped",
  subject: "movie-viewing-events, partition 0",
  message,
  since: "2024-01-01T00:00:00.000Z",
  blocking: true,
});
