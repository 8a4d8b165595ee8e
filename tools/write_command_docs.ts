/**
 * Writes docs/settings.md, docs/commands.md, docs/glossary.md and docs/api_reference.md from what the
 * code declares. With `--check` it writes nothing and exits with 1 when a page is stale.
 */
import { resolve } from "node:path";
import { commands } from "../runtime/commands/commands.ts";
import { loadInputs } from "../runtime/engine/load_plugins.ts";
import { pluginFolders } from "../runtime/engine/plugin_folders.ts";
import { exitCodes, helpOf } from "../runtime/commands/help.ts";
import { describeSettings } from "../runtime/settings/config.ts";
import type { Command } from "../runtime/settings/setting.ts";
import { glossary } from "../routes/(_parts)/glossary.ts";
import { apiReference } from "./api_reference.ts";

const root = resolve(import.meta.dirname!, "..");

/** The pages by their names. */
export async function pages(): Promise<Readonly<Record<string, string>>> {
  const settings = [
    "# Settings",
    "A flag overrides a variable, and a variable overrides the default. All faults are reported " +
    "together before anything is opened, and the process exits with 2. Secrets have no flag, because " +
    "other users of a machine can see command lines; the settings of servers have none either.",
    describeSettings(),
  ];
  const inputs = await loadInputs(pluginFolders(root));
  const help = (Object.keys(commands) as Command[]).flatMap((command) => [
    `## ${command}`,
    `\`\`\`\n${helpOf(command, inputs).trimEnd()}\n\`\`\``,
  ]);
  const codes = exitCodes.map(([code, meaning]) => `| ${code} | ${meaning} |`);
  const commandPage = [
    "# Commands",
    "A command talks to the process that owns the data folder and keeps to it, trying again, when " +
    "it restarts. Where no process runs, it opens the folder itself.",
    ["| exit code | meaning |", "| --- | --- |", ...codes].join("\n"),
    ...help,
  ];
  return {
    "docs/settings.md": settings.join("\n\n"),
    "docs/api_reference.md": await apiReference(),
    "docs/glossary.md": glossaryPage(),
    "docs/commands.md": commandPage.join("\n\n") + "\n",
  };
}

function glossaryPage(): string {
  const terms = Object.entries(glossary).map(([term, meaning]) => `| ${term} | ${meaning} |`);
  return [
    "# Glossary",
    "One term per idea. The pages, the API, the commands and the code use these words; pages show " +
    "the meaning of a term that is pointed at or focused.",
    ["| term | meaning |", "| --- | --- |", ...terms].join("\n"),
  ].join("\n\n");
}

/** A page without the spaces and dashes that the formatter puts in. */
export function unformatted(page: string): string {
  return page.replace(/-{3,}/g, "---").replace(/\s+/g, " ").trim();
}

if (import.meta.main) {
  let stale = false;
  for (const [name, text] of Object.entries(await pages())) {
    const path = resolve(root, name);
    if (!Deno.args.includes("--check")) {
      await Deno.writeTextFile(path, text);
      await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", path] }).output();
    } else if (unformatted(await Deno.readTextFile(path)) !== unformatted(text)) {
      console.error(`${name} is stale: deno run -A tools/write_command_docs.ts`);
      stale = true;
    }
  }
  if (stale) Deno.exit(1);
}
