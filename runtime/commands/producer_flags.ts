import { whole } from "../settings/setting_types.ts";
import { simulatorDefaults } from "../sources/simulator.ts";

/** Flags of produce: what stands for the value, what it means, and what it may be. */
export const producerFlags = [
  {
    flag: "rate",
    value: "N|max",
    summary: "Lines per second; default 1000 into the log at the current time, otherwise max",
  },
  {
    flag: "count",
    value: "N",
    summary: "Total lines; required for a file, otherwise runs until stopped",
  },
  {
    flag: "seed",
    value: "N",
    summary: `Another seed makes other events; default ${simulatorDefaults.seed}. The same flags ` +
      "make the same bytes",
  },
  {
    flag: "start",
    value: "INSTANT",
    summary:
      "Event time of the first; days and nights go by as fast as events are sent. Default: " +
      "now, and event time keeps to the clock (a file: 2026-01-01)",
  },
  {
    flag: "late",
    value: "SHARE",
    summary: `Of the events, how many come late; default ${simulatorDefaults.late}`,
  },
  {
    flag: "repeat",
    value: "SHARE",
    summary: `Of the lines, how many repeat another; default ${simulatorDefaults.repeat}`,
  },
  { flag: "users", value: "N", summary: `Default ${simulatorDefaults.users}` },
  { flag: "movies", value: "N", summary: `Default ${simulatorDefaults.movies}` },
  { flag: "topic", value: "TOPIC", summary: "Target topic; default movie-viewing-events" },
  { flag: "json", value: null, summary: "Print the result as JSON" },
] as const;

/** The whole numbers among them. */
export const producerNumbers = {
  count: whole({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  seed: whole({ min: 0, max: 2 ** 32 - 1 }),
  users: whole({ min: 2, max: 10_000_000 }),
  movies: whole({ min: 1, max: 1_000_000 }),
} as const;
