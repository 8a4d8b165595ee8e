/** What the three shapes of MovieLens' ratings have in common. */
import { type EventInput, RowFault } from "twofold";
import type { movieViewing } from "./movie_viewing.schema.ts";

const FIELDS = {
  user: { pattern: "(\\d{1,10})", wanted: "1 to 10 digits" },
  movie: { pattern: "(\\d{1,10})", wanted: "1 to 10 digits" },
  rating: { pattern: "(\\d{1,20}(?:\\.\\d{1,20})?)", wanted: "a number" },
  seconds: { pattern: "(\\d{1,11})", wanted: "1 to 11 digits" },
};

/**
 * Reads lines of user, movie, rating and seconds. An event's id is made of these fields, so that a
 * file that is sent again repeats the identities, whichever shape it has and however its ratings are
 * spelled: `4`, `4.0` and `04` are one.
 */
export function ratingReader(separator: string) {
  const row = new RegExp(`^${Object.values(FIELDS).map((one) => one.pattern).join(separator)}$`);
  return (line: string): EventInput<typeof movieViewing> | RowFault => {
    const found = row.exec(line);
    if (found === null) return faultOf(line, separator);
    const [user, movie, seconds] = [Number(found[1]), Number(found[2]), Number(found[4])];
    const rating = canonical(found[3]);
    return {
      event_id: `ml-${user}-${movie}-${seconds}-${rating}`,
      user_id: user,
      movie_id: movie,
      event_type: "rating",
      timestamp: new Date(seconds * 1000).toISOString().replace(".000Z", "Z"),
      duration: null,
      rating,
    };
  };
}

function faultOf(line: string, separator: string): RowFault {
  const given = line.split(separator);
  const fields = Object.entries(FIELDS);
  if (given.length !== fields.length) {
    return new RowFault("", fields.map(([name]) => name).join(separator));
  }
  const [name, { wanted }] = fields.find(([, { pattern }], i) =>
    !new RegExp(`^${pattern}$`).test(given[i])
  )!;
  return new RowFault(name, `${wanted} as ${name}`);
}

/** The one spelling of a number: without zeros before and behind it. */
function canonical(digits: string): string {
  const whole = digits.replace(/^0+(?=\d)/, "");
  return whole.includes(".") ? whole.replace(/\.?0+$/, "") : whole;
}
