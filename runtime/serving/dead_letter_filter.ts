/** Which dead letters a question means, as SQL. */
import type { QueryParams } from "../ports/ports.ts";
import type { DeadLetterFilter } from "../ports/services.ts";
import { quoted } from "../std/quoted.ts";
import { UserError } from "../std/errors.ts";
import { wholeNumber } from "../std/whole_number.ts";
import { readInstant } from "./instant.ts";

/** Conditions that all have to hold, and the parameters in them. */
export interface Conditions {
  readonly where: string[];
  readonly params: QueryParams;
}

/**
 * The conditions of a filter.
 *
 * @param action what cannot be done when a field is wrong, such as `Cannot list dead letters`.
 * @throws {UserError} naming the field.
 * @example
 * ```ts
 * import { conditionsOf } from "./dead_letter_filter.ts";
 * const { where } = conditionsOf({ field: "rating" }, "Cannot list dead letters");
 * if (where.join() !== "field = {field:String}") throw new Error(where.join());
 * ```
 */
export function conditionsOf(filter: DeadLetterFilter, action: string): Conditions {
  const { topic, partition, field, reason } = filter;
  const where: string[] = [];
  const params: Record<string, string | number> = {};
  const add = (condition: string, name: string, value: string | number) => {
    where.push(condition);
    params[name] = value;
  };
  if (topic !== undefined) add("topic = {topic:String}", "topic", topic);
  if (partition !== undefined) {
    const number = wholeNumber(partition, { action, field: "partition", most: 2 ** 32 - 1 });
    add("partition = {partition:UInt32}", "partition", number);
  }
  if (field !== undefined) add("field = {field:String}", "field", field);
  if (reason !== undefined) {
    add("positionCaseInsensitiveUTF8(reason, {reason:String}) > 0", "reason", reason);
  }
  for (const [bound, compare] of [["from", ">="], ["to", "<"]] as const) {
    const time = filter[bound];
    if (time !== undefined) {
      const ms = instantOf(bound, time, action);
      add(`append_time ${compare} {${bound}:DateTime64(3)}`, bound, ms);
    }
    const name = `${bound}_offset` as const;
    const offset = filter[name];
    if (offset !== undefined) {
      const number = wholeNumber(offset, { action, field: name, most: Number.MAX_SAFE_INTEGER });
      add(`offset ${compare} {${name}:UInt64}`, name, number);
    }
  }
  return { where, params };
}

/** In milliseconds since 1970 UTC. */
function instantOf(field: string, text: string, action: string): number {
  const instant = readInstant(text);
  if (instant !== null) return instant.ms;
  throw new UserError(
    `${action}: ${field} must be an ISO 8601 instant such as 2013-07-20T08:00:00Z, got ${
      quoted(text)
    }`,
    { field },
  );
}
