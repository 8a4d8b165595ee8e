/** The real ratings beside the checkout, and what is known of them from elsewhere. */
import { join } from "node:path";
import { root } from "./running_engine.ts";

/** The ratings, `user::movie::rating::seconds` per line. */
export const ratingsFile = join(root, "..", "shared", "data", "movietweetings", "ratings.dat");

/** Fails, telling where the data belong, when they are not there. */
export async function assertRatings(): Promise<void> {
  try {
    await Deno.stat(ratingsFile);
  } catch (cause) {
    throw new Error(
      "The golden test needs movietweetings/ratings.dat in the folder ../shared/data beside the " +
        "checkout: https://github.com/sidooms/MovieTweetings, the first 100,000 ratings",
      { cause },
    );
  }
}

/** Figures that were computed apart from any code of the project. */
export const reference = {
  ratings: 100_000,
  users: 16_554,
  movies: 10_506,
  firstWindow: ["2013-02-28T14:38:20Z", "2013-02-28T14:38:30Z"],
  lastWindow: ["2013-09-01T20:27:40Z", "2013-09-01T20:27:50Z"],
  lastEvent: "2013-09-01T20:27:45.000Z",
  /** Movie, ratings, sum of the ratings. */
  mostRated: [
    [770828, 1812, 14314],
    [1300854, 1775, 13854],
    [1408101, 1266, 10582],
    [1483013, 1229, 8674],
    [816711, 1100, 8108],
  ],
  /** User, ratings, distinct movies. */
  mostActive: [[2850, 320, 320], [16036, 308, 308], [4396, 285, 285]],
  // deno-fmt-ignore
  byHourOfDay: [
    4398, 4355, 4093, 4051, 4071, 3426, 2884, 2613, 2426, 2354, 2546, 2622,
    2910, 3018, 3414, 3885, 4058, 4281, 4741, 5499, 7230, 7903, 7659, 5563,
  ],
  windows: 96_062,
  fullestWindow: ["2013-07-20T01:18:10Z", 7],
  windowsOfMovies: 99_880,
  hours: 4_438,
  days: 186,
} as const;
