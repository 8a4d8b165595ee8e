/** The commands for authors of plugins. */
import type { CommandSpec, Option } from "./command_spec.ts";

const plugins = (summary: string, many = false): Option => ({
  flag: "plugins",
  value: "DIR",
  summary,
  many,
});

/** By name; a name of two words is a verb under a noun. */
export const authoringCommands = {
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
      ["test ratings --runs 1000", "ratings.test.ts, and more streams for ratings.ts"],
      [
        "test --plugins ../our-plugins --seed 42",
        "another folder; streams as reported by a failure",
      ],
    ],
  },
} as const satisfies Readonly<Record<string, CommandSpec>>;
