/** The commands for authors of plugins. */
import { MEASURE_FORM } from "./plugin_text.ts";
import { FIELD_FORM } from "./schema_text.ts";
import type { CommandSpec, Option } from "./command_spec.ts";

const plugins = (summary: string, many = false): Option => ({
  flag: "plugins",
  value: "DIR",
  summary,
  many,
});

const OUTSIDE =
  "Folder to write into, made if absent; outside the checkout it also gets the deno.json " +
  "it needs. Default: plugins/";

/** By name; a name of two words is a verb under a noun. */
export const authoringCommands = {
  "new plugin": {
    summary: "Write a plugin and its test; on a terminal, ask for missing flags",
    optionalArgument: "NAME",
    settings: [],
    options: [
      { flag: "schema", value: "NAME", summary: "NAME.schema.ts beside it; default: the only one" },
      { flag: "key", value: "FIELD", summary: "A key; default: none, one row", many: true },
      {
        flag: "measure",
        value: "MEASURE",
        summary: `${MEASURE_FORM}; default count`,
        many: true,
      },
      { flag: "summary", value: "TEXT", summary: "A sentence about the metric" },
      plugins(OUTSIDE),
    ],
    examples: [
      [
        "new plugin page_views --key page --measure count --measure avg:duration",
        "two files in plugins/",
      ],
      ["new plugin errors --plugins ../our-plugins --schema requests", "in another folder"],
    ],
  },
  "new schema": {
    summary: "Write the schema of a data set; on a terminal, ask for missing flags",
    optionalArgument: "NAME",
    settings: [],
    options: [
      { flag: "field", value: "NAME:TYPE", summary: FIELD_FORM, many: true },
      { flag: "topic", value: "TOPIC", summary: "Default: the name, with - for _" },
      { flag: "summary", value: "TEXT", summary: "A sentence about the events" },
      plugins(OUTSIDE),
    ],
    examples: [
      [
        'new schema requests --field path:string --field status:integer --field "seconds:decimal?"',
        "requests.schema.ts in plugins/; id and the event time are added",
      ],
      [
        'new schema clicks --field "button:left|right" --plugins ../our-plugins',
        "in another folder",
      ],
    ],
  },
  test: {
    summary: "Test plugins: their own tests, and that both layers agree",
    moreArguments: "PLUGIN",
    settings: [],
    options: [
      plugins("Folder of the plugins; may be given more than once. Default: plugins/", true),
      { flag: "runs", value: "N", summary: "Random streams of events per plugin; default 100" },
      {
        flag: "seed",
        value: "N",
        summary: "Makes the same streams again; default: others each time",
      },
    ],
    examples: [
      ["test", "every *.test.ts file in plugins/, and the parity law for every plugin"],
      ["test page_views --runs 1000", "page_views.test.ts, and more streams for page_views.ts"],
      [
        "test --plugins ../our-plugins --seed 42",
        "another folder; streams as reported by a failure",
      ],
    ],
  },
} as const satisfies Readonly<Record<string, CommandSpec>>;
