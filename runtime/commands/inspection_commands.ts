/** The commands that look at what is there, or put a catalog. */
import { type CommandSpec, folderSettings, type Option } from "./command_spec.ts";

const json: Option = { flag: "json", value: null, summary: "Print JSON" };
const format: Option = {
  flag: "format",
  value: "table|json|csv",
  summary: "Output format; default table",
};
const topic = (summary: string): Option => ({ flag: "topic", value: "TOPIC", summary });
const limit = (summary: string): Option => ({ flag: "limit", value: "N", summary });

/** What chooses dead letters. */
const letterFilter: readonly Option[] = [
  topic("Of one topic; default: of all"),
  { flag: "partition", value: "N", summary: "Partition" },
  { flag: "field", value: "FIELD", summary: "Field that failed" },
  { flag: "reason", value: "TEXT", summary: "Text that the reason contains" },
  { flag: "from", value: "INSTANT", summary: "Start of append time, inclusive, ISO 8601" },
  { flag: "to", value: "INSTANT", summary: "End of append time, exclusive" },
  { flag: "from-offset", value: "N", summary: "First offset, inclusive" },
  { flag: "to-offset", value: "N", summary: "Last offset, exclusive" },
];

/** By name; a name of two words is a verb under a noun. */
export const inspectionCommands = {
  query: {
    summary: "Show rows of a metric",
    arguments: ["METRIC"],
    settings: folderSettings,
    options: [
      { flag: "layer", value: "merged|batch|speed", summary: "Layer to query; default merged" },
      {
        flag: "bucket",
        value: "all|month|week|day|hour|15minute|5minute|minute|window",
        summary: "Time bucket of a row; default all. Below the grain only with --layer speed",
      },
      { flag: "tz", value: "ZONE", summary: "Time zone of the buckets, an IANA name; default UTC" },
      {
        flag: "compare",
        value: "previous|7d",
        summary: "Add the values of an earlier range, with difference and percentage",
      },
      { flag: "from", value: "INSTANT", summary: "Start of event time, inclusive, ISO 8601" },
      { flag: "to", value: "INSTANT", summary: "End of event time, exclusive" },
      {
        flag: "where",
        value: "KEY=VALUE",
        summary: "Filter by a key column; repeat for several columns",
        many: true,
      },
      {
        flag: "order",
        value: "COLUMN",
        summary: "Sort column, descending with a leading -; default: the plugin's order",
      },
      limit("Rows, or with --all rows per page, 1 to 10,000; default 100"),
      { flag: "all", value: null, summary: "All rows, in pages" },
      { flag: "expand", value: "CATALOG", summary: "Add the columns of a catalog" },
      {
        flag: "wait-for",
        value: "FRONTIER",
        summary: "Wait until the answer covers this frontier",
      },
      format,
      json,
    ],
    examples: [
      [
        "query page_views --limit 10 --expand pages",
        "the ten pages most viewed, with titles",
      ],
      ["query visitors --where visitor_id=7", "one key"],
      ["query hourly_stats --bucket day --from 2013-07-20 --to 2013-07-27", "a week, by day"],
      ["query page_views --all --format csv", "every row, as CSV"],
    ],
  },
  "events tail": {
    summary: "Show the newest records of the log",
    settings: folderSettings,
    options: [
      topic("Of which topic; default: the only one"),
      { flag: "partition", value: "N", summary: "Partition; default all" },
      limit("How many, 1 to 1,000; default 50"),
      { flag: "follow", value: null, summary: "Keep printing new records until Ctrl-C" },
      { ...json, summary: "Print one JSON document per record and line" },
    ],
    examples: [
      ["events tail", "the newest 50, oldest first"],
      ["events tail --follow --limit 1 --json", "what comes in, for machines"],
    ],
  },
  "dead-letters": {
    summary: "List the newest dead letters with their reasons",
    settings: folderSettings,
    options: [
      ...letterFilter,
      limit("How many, 1 to 1,000; default 50"),
      format,
      json,
    ],
    examples: [
      ["dead-letters --field duration", "those with a wrong duration"],
      ["dead-letters --reason utf-8 --json", "for machines"],
    ],
  },
  "dead-letters show": {
    summary: "Show a dead letter with its bytes",
    arguments: ["TOPIC/PARTITION/OFFSET"],
    settings: folderSettings,
    options: [
      { flag: "raw", value: null, summary: "Print the original bytes only" },
      { ...json, summary: "Print JSON, with the bytes in base64" },
    ],
    examples: [
      ["dead-letters show visits/0/17", "why, and what it was"],
      ["dead-letters show visits/0/17 --raw", "the bytes, to mend and send again"],
    ],
  },
  "dead-letters redrive": {
    summary:
      "Send dead letters again as events; repeating it is safe, because an event counts once",
    optionalArgument: "TOPIC/PARTITION/OFFSET",
    settings: folderSettings,
    options: [
      {
        flag: "all",
        value: null,
        summary: "All dead letters; default: those that the filters choose",
      },
      {
        flag: "set",
        value: "FIELD=VALUE",
        summary: "Set a field of each; no value: leave it out. Repeat for several fields",
        many: true,
      },
      { flag: "dry-run", value: null, summary: "Report how many would decode, and send nothing" },
      ...letterFilter,
      { flag: "by", value: "NAME", summary: "Name of the operator, recorded; default $USER" },
      json,
    ],
    examples: [
      ["dead-letters redrive --field status --set status=200 --dry-run", "how many would decode"],
      ["dead-letters redrive --field status --set status=200", "send them"],
      ["dead-letters redrive visits/0/17 --set duration=", "one, without its duration"],
      ["dead-letters redrive --all --dry-run", "how many decode as they are"],
    ],
  },
  drift: {
    summary: "List event days on which the speed and batch layers differ",
    settings: folderSettings,
    options: [
      { flag: "metric", value: "METRIC", summary: "Metric; default all" },
      { flag: "all", value: null, summary: "All days, in pages" },
      limit("Days, or with --all days per page, 1 to 1,000; default 100"),
      format,
      { ...json, summary: "Print JSON, with the first differing cells" },
    ],
    examples: [
      ["drift", "of all metrics"],
      ["drift --metric page_views --json", "of one, with the first buckets and keys that differ"],
    ],
  },
  "drift accept": {
    summary: "Accept a known difference; a different value in a later run is a new problem",
    arguments: ["METRIC"],
    settings: folderSettings,
    options: [
      { flag: "day", value: "DAY", summary: "Event day; default: every drifting day" },
      { flag: "reason", value: "TEXT", summary: "Reason, recorded with the day" },
      { flag: "by", value: "NAME", summary: "Name of the operator; default $USER" },
      json,
    ],
    examples: [
      [
        'drift accept page_views --day 2013-07-20 --reason "SQL corrected on 2013-08-01"',
        "one day",
      ],
    ],
  },
  catalog: {
    summary: "List catalogs",
    settings: folderSettings,
    options: [format, json],
    examples: [["catalog", "names, columns and sizes"]],
  },
  "catalog show": {
    summary: "Show entries of a catalog",
    arguments: ["NAME"],
    settings: folderSettings,
    options: [
      { flag: "search", value: "WORDS", summary: "Entries that contain these words" },
      { flag: "keys", value: "KEYS", summary: "Keys, separated by commas" },
      limit("Entries, or with --all entries per page, 1 to 10,000; default 100"),
      { flag: "all", value: null, summary: "All entries, in pages" },
      format,
      json,
    ],
    examples: [
      ['catalog show pages --search "price list"', "by words"],
      ["catalog show pages --all --format csv", "the whole catalog, as `catalog put` takes it"],
    ],
  },
  "catalog put": {
    summary: "Replace a catalog with the rows of a file, atomically",
    arguments: ["NAME", "FILE"],
    reads: "catalog",
    settings: folderSettings,
    options: [
      {
        flag: "format",
        value: "FORMAT",
        summary: "A format listed below; default: what the first line looks like",
      },
      json,
    ],
    examples: [
      [
        "catalog put pages pages.csv",
        "a header page,title,tags; texts of a list with | between",
      ],
      ["catalog put pages - --format ndjson", "from standard input"],
    ],
  },
  sql: {
    summary: "Run one read-only SELECT",
    arguments: ["SQL"],
    settings: folderSettings,
    options: [limit("The most rows, 1 to 1,000,000; default 1,000"), format, json],
    examples: [
      ['sql "SELECT * FROM merged_page_views LIMIT 5"', "a relation"],
      ["sql - --format csv", "the statement from standard input"],
    ],
  },
} as const satisfies Record<string, CommandSpec>;
