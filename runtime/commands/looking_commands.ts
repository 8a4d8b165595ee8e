/** The commands that look at what is there, or put a catalog. */
import type { CommandSpec, Option } from "./command_spec.ts";

const json: Option = { flag: "json", value: null, summary: "One JSON document, for machines" };
const format: Option = {
  flag: "format",
  value: "table|json|csv",
  summary: "How rows are written; default table",
};
const settings = ["dataDir"] as const;
const topic = (summary: string): Option => ({ flag: "topic", value: "TOPIC", summary });
const limit = (summary: string): Option => ({ flag: "limit", value: "N", summary });

/** By name; a name of two words is a verb under a noun. */
export const lookingCommands = {
  query: {
    summary: "Shows the rows of a metric",
    arguments: ["METRIC"],
    settings,
    options: [
      { flag: "layer", value: "merged|batch|speed", summary: "Whose answer; default merged" },
      {
        flag: "bucket",
        value: "all|day|hour|minute|window",
        summary: "What a row covers; default all. The last two with --layer speed",
      },
      { flag: "from", value: "INSTANT", summary: "From this event time on, ISO 8601" },
      { flag: "to", value: "INSTANT", summary: "Up to this event time, exclusive" },
      {
        flag: "where",
        value: "KEY=VALUE",
        summary: "Only that key; several for several columns",
        many: true,
      },
      {
        flag: "order",
        value: "COLUMN",
        summary: "Descending with a leading -; default: as the plugin sorts",
      },
      limit("Rows, or with --all rows per page, 1 to 10,000; default 100"),
      { flag: "all", value: null, summary: "All rows, page by page" },
      { flag: "expand", value: "CATALOG", summary: "Adds a catalog's columns: movies" },
      { flag: "wait-for", value: "FRONTIER", summary: "Waits until the answer covers it" },
      format,
      json,
    ],
    examples: [
      [
        "query popular_movies --limit 10 --expand movies",
        "the ten movies most viewed, with titles",
      ],
      ["query user_stats --where user_id=7", "one key"],
      ["query hourly_stats --bucket day --from 2013-07-20 --to 2013-07-27", "a week, by day"],
      ["query ratings --all --format csv", "every row, as CSV"],
    ],
  },
  "events tail": {
    summary: "Shows the newest events, as they are in the log",
    settings,
    options: [
      topic("Of which topic; default: the only one"),
      { flag: "partition", value: "N", summary: "Of one partition; default: of all" },
      limit("How many, 1 to 1,000; default 50"),
      { flag: "follow", value: null, summary: "Goes on with what comes in, until Ctrl-C" },
      { ...json, summary: "One JSON document per line and record" },
    ],
    examples: [
      ["events tail", "the newest 50, oldest first"],
      ["events tail --follow --limit 1 --json", "what comes in, for machines"],
    ],
  },
  "dead-letters": {
    summary: "Lists the newest records that are no events, with the reason",
    settings,
    options: [
      topic("Of one topic; default: of all"),
      { flag: "partition", value: "N", summary: "Of one partition" },
      { flag: "field", value: "FIELD", summary: "Where that field is at fault" },
      { flag: "reason", value: "TEXT", summary: "Where the reason contains that" },
      { flag: "from", value: "INSTANT", summary: "Appended from then on, ISO 8601" },
      { flag: "to", value: "INSTANT", summary: "Appended before then" },
      limit("How many, 1 to 1,000; default 50"),
      format,
      json,
    ],
    examples: [
      ["dead-letters --field rating", "those with a wrong rating"],
      ["dead-letters --reason utf-8 --json", "for machines"],
    ],
  },
  "dead-letters show": {
    summary: "Shows one dead letter with its bytes",
    arguments: ["TOPIC/PARTITION/OFFSET"],
    settings,
    options: [
      { flag: "raw", value: null, summary: "The bytes alone, as they came" },
      { ...json, summary: "One JSON document, the bytes as base64" },
    ],
    examples: [
      ["dead-letters show movie-viewing-events/0/17", "why, and what it was"],
      ["dead-letters show movie-viewing-events/0/17 --raw", "the bytes, to mend and send again"],
    ],
  },
  drift: {
    summary: "Lists the event days on which the speed and the batch layer differ",
    settings,
    options: [
      { flag: "metric", value: "METRIC", summary: "Of one metric; default: of all" },
      { flag: "all", value: null, summary: "All days, page by page" },
      limit("Days, or with --all days per page, 1 to 1,000; default 100"),
      format,
      { ...json, summary: "One JSON document, with the first cells that differ" },
    ],
    examples: [
      ["drift", "of all metrics"],
      ["drift --metric ratings --json", "of one, with the first buckets and keys that differ"],
    ],
  },
  "drift accept": {
    summary: "Accepts a known difference: it is no problem until a run measures another one",
    arguments: ["METRIC"],
    settings,
    options: [
      { flag: "day", value: "DAY", summary: "One event day; default: every day that drifts" },
      { flag: "reason", value: "TEXT", summary: "Why; recorded with the day" },
      { flag: "by", value: "NAME", summary: "Who; default: the user's name ($USER)" },
      json,
    ],
    examples: [
      [
        'drift accept ratings --day 2013-07-20 --reason "SQL corrected on 2013-08-01"',
        "one day",
      ],
    ],
  },
  catalog: {
    summary: "Lists the catalogs, such as movies with their titles",
    settings,
    options: [format, json],
    examples: [["catalog", "names, columns and sizes"]],
  },
  "catalog show": {
    summary: "Shows entries of a catalog",
    arguments: ["NAME"],
    settings,
    options: [
      { flag: "search", value: "WORDS", summary: "Entries that contain these words" },
      { flag: "keys", value: "KEYS", summary: "These keys, with commas between" },
      limit("Entries, or with --all entries per page, 1 to 10,000; default 100"),
      { flag: "all", value: null, summary: "All entries, page by page" },
      format,
      json,
    ],
    examples: [
      ['catalog show movies --search "blade runner"', "by words"],
      ["catalog show movies --all --format csv", "the whole catalog, as `catalog put` takes it"],
    ],
  },
  "catalog put": {
    summary: "Replaces a catalog by a file's rows, all of them or none",
    arguments: ["NAME", "FILE"],
    settings,
    options: [
      {
        flag: "format",
        value: "ndjson|json|csv",
        summary: "One JSON object per line, an array of them, or CSV with a header; default: by " +
          "the file's name",
      },
      json,
    ],
    examples: [
      [
        "catalog put movies movies.csv",
        "a header movie_id,title,year,genres; genres with | between",
      ],
      ["catalog put movies - --format ndjson", "from standard input"],
    ],
  },
  sql: {
    summary: "Runs one SELECT, which can only read",
    arguments: ["SQL"],
    settings,
    options: [limit("The most rows, 1 to 1,000,000; default 1,000"), format, json],
    examples: [
      ['sql "SELECT * FROM movie_analytics.merged_popular_movies LIMIT 5"', "a relation"],
      ["sql - --format csv", "the statement from standard input"],
    ],
  },
} as const satisfies Record<string, CommandSpec>;
