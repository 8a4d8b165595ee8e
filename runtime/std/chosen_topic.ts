import { UserError } from "./errors.ts";
import { quoted } from "./quoted.ts";

/**
 * The topic that a question names; the only one where it names none.
 *
 * @param action what cannot be done without it: `Cannot list events`.
 * @throws {UserError} naming the topics and what came.
 * @example
 * ```ts
 * import { chosenTopic } from "./chosen_topic.ts";
 * if (chosenTopic("Cannot list events", ["views"]) !== "views") throw new Error("unexpected");
 * ```
 */
export function chosenTopic(action: string, topics: readonly string[], asked?: string): string {
  const only = topics.length === 1 ? topics[0] : undefined;
  const topic = asked ?? only;
  if (topic !== undefined && topics.includes(topic)) return topic;
  const got = asked === undefined ? "none" : quoted(asked);
  throw new UserError(
    `${action}: topic must be ${topics.length === 1 ? "" : "one of "}${
      topics.join(", ")
    }, got ${got}`,
    { field: "topic" },
  );
}
