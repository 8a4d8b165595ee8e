/** Made-up movies: titles that nobody has to look up, for the simulated events. */
import { type Random, random, trait } from "./chance.ts";

/** A row of the catalog of movies. */
export interface MadeUpMovie {
  readonly movie_id: number;
  readonly title: string;
  readonly year: number;
  readonly genres: readonly string[];
}

const openings = (
  "Silent Crimson Last Hidden Broken Golden Distant Paper Midnight Borrowed Northern " +
  "Electric Burning Quiet Forgotten Glass Winter Salt Velvet Hollow Second Wandering Iron " +
  "Amber"
).split(" ");
const things = (
  "Harbor Garden Signal River Orchard Letter Station Lantern Tide Mountain Promise Machine " +
  "Summer Witness Bridge Compass Island Shadow Atlas Circus Horizon Library Voyage Kingdom"
).split(" ");
const endings = [
  "",
  "",
  "",
  " at Dawn",
  " of Ash",
  " Returns",
  " Below",
  " in Berlin",
  " for Two",
  " Beyond the Sea",
  " Without a Name",
];
const genres = [
  "Drama",
  "Comedy",
  "Thriller",
  "Romance",
  "Action",
  "Science Fiction",
  "Crime",
  "Adventure",
  "Animation",
  "Documentary",
  "Horror",
  "Mystery",
];
const FIRST_YEAR = 1960;
const YEARS = 66;

/** As many titles as the words make, less some, so that a free one is found soon. */
const MOST_MOVIES = 5_000;

/**
 * Movies with ids from 1 on, each with a title of its own. The same options make the same movies.
 *
 * @throws {RangeError} for more than 5,000 movies.
 */
export function* madeUpMovies(movies: number, seed = 1): Generator<MadeUpMovie> {
  if (movies > MOST_MOVIES) {
    throw new RangeError(`movies must be at most ${MOST_MOVIES}, got ${movies}`);
  }
  const next = random(trait(seed, movies));
  const taken = new Set<string>();
  for (let movie = 1; movie <= movies; movie++) {
    let title: string;
    do {
      title = `The ${pick(openings, next)} ${pick(things, next)}${pick(endings, next)}`;
    } while (taken.has(title));
    taken.add(title);
    yield {
      movie_id: movie,
      title,
      year: FIRST_YEAR + Math.floor(next() * YEARS),
      genres: [...new Set([pick(genres, next), pick(genres, next)])],
    };
  }
}

const pick = <T>(from: readonly T[], next: Random): T => from[Math.floor(next() * from.length)];
