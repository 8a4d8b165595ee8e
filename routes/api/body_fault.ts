/** What is wrong with a field of a JSON body, in the words that all errors have. */
import { z } from "zod";
import { closest } from "../../runtime/std/closest.ts";

/** A fault of one field. */
export interface BodyFault {
  /** The path to the field, such as `letters.0`; `body` for the whole. */
  readonly field: string;
  /** Begins with the field: what was expected, and what came. */
  readonly detail: string;
}

const TYPES: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
};
const MOST_SHOWN = 60;

/**
 * The first fault of a body that a schema refuses.
 *
 * @param issue found with `reportInput`, so that the value that came is known.
 */
export function bodyFault(schema: z.ZodType, issue: z.core.$ZodIssue): BodyFault {
  const field = issue.path.join(".") || "body";
  if (issue.code === "unrecognized_keys") {
    const [key] = issue.keys;
    const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
    const among = known.length === 0 ? "" : `; expected ${known.join(", ")}`;
    return { field: key, detail: `${key} is not a known field${among}${closest(key, known)}` };
  }
  const expected = expectedOf(issue);
  const detail = expected === null
    ? `${field}: ${issue.message}`
    : `${field} must be ${expected}, got ${shown(issue.input)}`;
  return { field, detail };
}

function expectedOf(issue: z.core.$ZodIssue): string | null {
  switch (issue.code) {
    case "invalid_type":
      return TYPES[issue.expected] ?? null;
    case "invalid_value":
      return `one of ${issue.values.join(", ")}`;
    case "too_small":
      return bound("at least", issue.origin, issue.minimum);
    case "too_big":
      return bound("at most", issue.origin, issue.maximum);
    default:
      return null;
  }
}

function bound(how: string, origin: string, count: number | bigint): string {
  if (count === 1 && how === "at least") {
    if (origin === "string") return "text that is not empty";
    if (origin === "array") return "a list that is not empty";
  }
  if (origin === "string") return `text of ${how} ${count} characters`;
  if (origin === "array") return `a list of ${how} ${count}`;
  return `${how} ${count}`;
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN - 1)}…` : text;
}
