/** Folders of plugins over one small schema, as `openEngine()` takes them. */
import { join } from "node:path";
import { root as project } from "./running_engine.ts";

/** The text of the schema of notes. */
export const notesSchema = `
import { defineSchema, instant, string, uint32 } from "twofold";
export const notes = defineSchema({
  topic: "notes", version: 1, summary: "Notes", eventId: "id", eventTime: "at",
  partitionKey: "id",
  fields: { id: string(), at: instant(), value: uint32() },
});
`;

/** The text of a plugin that counts notes by value; `changes` replaces parts of it. */
export function pluginText(name: string, changes: Readonly<Record<string, string>> = {}): string {
  let text = `
import { count, definePlugin, sum } from "twofold";
import { notes } from "./notes.schema.ts";
export default definePlugin(notes, {
  name: "${name}", version: 1, summary: "Notes by value",
  key: ({ value }) => ({ value }),
  measures: ({ value }) => ({ n: count(), total: sum(value) }),
  derive: ({ total, n }) => ({ mean: total.per(n) }),
  stream: { relation: { name: "stream_${name}" } },
  batch: {
    sql: "SELECT toStartOfHour(event_time) AS bucket, value, count() AS n, sum(value) AS total " +
      "FROM events GROUP BY ALL",
    relation: { name: "batch_${name}" },
  },
});
`;
  for (const [part, by] of Object.entries(changes)) {
    if (!text.includes(part)) throw new Error(`a plugin's text has no ${part}`);
    text = text.replace(part, by);
  }
  return text;
}

/** The text of a catalog by value. */
export const catalogText = (name: string) => `
import { defineCatalog, string, uint32 } from "twofold";
export default defineCatalog({
  name: "${name}", summary: "", key: { value: uint32() }, fields: { ${name}_title: string() },
});
`;

/** Writes a folder with the files of \`plugins/\` by name, and the project's migrations. */
export async function pluginFolder(
  dir: string,
  files: Readonly<Record<string, string>>,
): Promise<string> {
  await Deno.mkdir(join(dir, "plugins"), { recursive: true });
  await Deno.mkdir(join(dir, "sql"), { recursive: true });
  await Deno.symlink(join(project, "sql", "migrations"), join(dir, "sql", "migrations"));
  await Deno.writeTextFile(join(dir, "plugins", "notes.schema.ts"), notesSchema);
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(join(dir, "plugins", name), text);
  }
  return dir;
}
