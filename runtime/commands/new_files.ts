/** `twofold new`: writes a schema, or a plugin with its test. */
import { join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { EventSchema } from "../events.ts";
import { messageOf, NotFoundError, UserError } from "../std/errors.ts";
import type { RunRequest } from "./command_line.ts";
import { UsageError } from "./command_line.ts";
import { pluginFolders } from "../engine/plugin_folders.ts";
import { MEASURE_FORM, pluginTexts } from "./plugin_text.ts";
import { FIELD_FORM, schemaText } from "./schema_text.ts";
import type { World } from "./world.ts";

/** Writes a schema; returns the exit code. */
export async function newSchemaCommand(request: RunRequest, world: World): Promise<number> {
  const given = asking(request, world);
  const name = given.name();
  const topic = given.text("topic", "Topic", name.replaceAll("_", "-"));
  const summary = given.text("summary", "Summary, a sentence", `Events of ${topic}`);
  const fields = given.list("field", `Fields beside id and at, each ${FIELD_FORM}`, "");
  const text = schemaText({ name, topic, summary, fields });
  const dir = folderOf(request, world);
  await write(world, dir, { [`${name}.schema.ts`]: text });
  world.out.write(
    `Next: ${commandText(world, dir, "new", `plugin ${name}_counts --schema ${name}`)}\n`,
  );
  return 0;
}

/** Writes a plugin and its test; returns the exit code. */
export async function newPluginCommand(request: RunRequest, world: World): Promise<number> {
  const given = asking(request, world);
  const dir = folderOf(request, world);
  const name = given.name();
  const schemas = await schemaFiles(dir);
  if (schemas.length > 1 && request.flags.schema === undefined && world.ask === null) {
    throw new UsageError(`Missing --schema: expected ${schemas.join(" or ")}`, request.command);
  }
  const file = given.text("schema", `Schema (${schemas.join(", ")})`, schemas[0]);
  if (!schemas.includes(file)) {
    throw new NotFoundError(
      `Cannot find schema "${file}": ${dir} has ${schemas.join(", ")}`,
    );
  }
  const schema = { file, ...await loadSchema(dir, file) };
  const fields = schema.value.fieldNames.join(", ");
  const keys = given.list("key", `Keys (of ${fields}; none: one row for all events)`, "");
  const measures = given.list("measure", `Measures (${MEASURE_FORM})`, "count");
  const by = keys.length === 0 ? "" : ` per ${keys.join(" and ").replaceAll("_", " ")}`;
  const summary = given.text("summary", "Summary, a sentence", `Events${by}`);
  const { plugin, test } = pluginTexts({ name, summary, schema, keys, measures });
  await write(world, dir, { [`${name}.ts`]: plugin, [`${name}.test.ts`]: test });
  world.out.write(`Next: ${commandText(world, dir, "test:plugins", name)}\n`);
  return 0;
}

/** What the flags say, or else the person at the terminal, or else the default. */
function asking({ command, positionals, flags, lists }: RunRequest, { ask }: World) {
  const text = (flag: string, question: string, standard: string) =>
    String(flags[flag] ?? ask?.(question, standard) ?? standard);
  return {
    text,
    list: (flag: string, question: string, standard: string): readonly string[] =>
      lists[flag] ?? text(flag, `${question}, separated by spaces`, standard).split(/\s+/)
        .filter((part) => part !== ""),
    name: (): string => {
      const name = positionals[0] ?? ask?.("Name, snake_case", "") ?? "";
      if (/^[a-z][a-z0-9_]*$/.test(name)) return name;
      if (name === "") throw new UsageError(`Missing NAME: expected ${command} NAME`, command);
      throw new UserError(`Cannot write ${name}: a name is snake_case, such as page_visits`);
    },
  };
}

/** @throws UserError in the executable, which has no files that types could come from. */
function folderOf({ flags }: RunRequest, { root, standalone }: World): string {
  if (standalone) {
    throw new UserError(
      "Cannot write a plugin: the executable does not hold the types of plugins; run " +
        "`deno task new` in a checkout",
    );
  }
  return pluginFolders(root, flags.plugins === undefined ? [] : [String(flags.plugins)])[0].dir;
}

async function schemaFiles(dir: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(dir)) {
      if (/^[a-z0-9_]+\.schema\.ts$/.test(name)) names.push(name.split(".")[0]);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (names.length > 0) return names.sort();
  throw new UserError(
    `Cannot write a plugin: ${dir} has no schema; run \`twofold new schema NAME\` first`,
  );
}

async function loadSchema(dir: string, file: string) {
  const path = join(dir, `${file}.schema.ts`);
  const module: Record<string, EventSchema | undefined> = await import(pathToFileURL(path).href)
    .catch((cause) => {
      throw new UserError(`Cannot load schema ${path}: ${messageOf(cause)}`, { cause });
    });
  const found = Object.entries(module).find(([, value]) => value?.fieldNames !== undefined);
  if (found !== undefined) return { exported: found[0], value: found[1]! };
  throw new UserError(
    `Cannot load schema ${path}: it exports nothing that defineSchema() returned`,
  );
}

/**
 * Writes files that are not there yet, all or none. A folder outside the checkout gets a `deno.json`
 * by which `twofold` and its types are found.
 */
async function write(world: World, dir: string, files: Readonly<Record<string, string>>) {
  const { root, out } = world;
  const exists = (name: string) => Deno.stat(join(dir, name)).then(() => true, () => false);
  for (const name of Object.keys(files)) {
    if (await exists(name)) throw new UserError(`Cannot write ${join(dir, name)}: it exists`);
  }
  const all = { ...files };
  if (dir !== resolve(root, "plugins") && !await exists("deno.json")) {
    all["deno.json"] = configText(relative(dir, join(root, "deno.json")));
  }
  try {
    await Deno.mkdir(dir, { recursive: true });
    for (const [name, text] of Object.entries(all)) {
      await Deno.writeTextFile(join(dir, name), text, { createNew: true });
      out.write(`Wrote ${relative(Deno.cwd(), join(dir, name))}\n`);
    }
  } catch (cause) {
    throw new UserError(`Cannot write into ${dir}: ${messageOf(cause)}`, { cause });
  }
}

/** A configuration by which a folder imports what the checkout does. */
const configText = (importMap: string) =>
  `${JSON.stringify({ importMap, nodeModulesDir: "none", lock: false }, null, 2)}\n`;

function commandText({ root }: World, dir: string, task: string, rest: string): string {
  const folder = dir === resolve(root, "plugins") ? "" : ` --plugins ${dir}`;
  return `deno task ${task} ${rest}${folder}`;
}
