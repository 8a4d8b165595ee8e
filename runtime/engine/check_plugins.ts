import { eventColumns } from "../archive/archive_relation.ts";
import type { SchemaMisfit } from "../archive/decoding.ts";
import { checkBatchSql } from "../batch/check_sql.ts";
import { messageOf, TwofoldError } from "../std/errors.ts";
import type { Plugin } from "../plugin.ts";
import type { Warehouse } from "../ports/ports.ts";
import type { ProblemReport } from "../model/problems.ts";
import { relationNames, relationsSql } from "../serving/relations.ts";
import {
  assertAny,
  type Declarations,
  type Input,
  kindWords,
  loadDeclarations,
  type LoadedPlugin,
  type RefusedFile,
  type RefusedPlugin,
} from "./load_plugins.ts";
import type { PluginFolder } from "./plugin_folders.ts";

/**
 * Loads what folders declare, and has the warehouse read the SQL of the plugins: of the batch
 * layer and of relations. A plugin with a fault is refused by itself.
 *
 * @param warehouse with the tables of the migrations.
 * @param options.required whether there has to be a plugin that loads, where there are plugins.
 * @param options.before see {@link loadDeclarations}.
 * @throws {UserError} when there is none.
 * @throws {ExternalError} when the warehouse does not answer.
 */
export async function checkedDeclarations(
  folders: readonly PluginFolder[],
  warehouse: Pick<Warehouse, "query">,
  { required, before }: {
    readonly required: boolean;
    readonly before?: ReadonlyMap<string, Input>;
  },
): Promise<Declarations> {
  const loaded = await loadDeclarations(folders, { before });
  if (required) assertAny(loaded);
  const { plugins, refused, catalogs, inputs, refusedFiles } = loaded;
  const checked = await Promise.all(plugins.map(async (declared) => ({
    declared,
    faults: await sqlFaults(warehouse, declared),
  })));
  const names = catalogs.map(({ catalog }) => catalog.name);
  const taken = await namesTaken(warehouse, names, "catalog");
  return {
    catalogs: catalogs.filter(({ catalog }) => !taken.includes(catalog.name)),
    inputs,
    refusedFiles: [
      ...refusedFiles,
      ...catalogs.filter(({ catalog }) => taken.includes(catalog.name))
        .map(({ catalog: { name }, file, source }) => ({
          kind: "catalog" as const,
          name,
          file,
          source,
          faults: [nameTaken(name)],
        })),
    ],
    plugins: checked.flatMap(({ declared, faults }) => faults.length === 0 ? declared : []),
    refused: [
      ...oneOfEachName(refused),
      ...checked.filter(({ faults }) => faults.length > 0).map(({ declared, faults }) => {
        const { plugin: { name }, file, source } = declared;
        return { kind: "plugin" as const, name, file, source, faults, declared };
      }),
    ],
  };
}

/** Files that declare plugins of one name are one refused plugin. */
const oneOfEachName = (refused: readonly RefusedPlugin[]): RefusedPlugin[] =>
  [...Map.groupBy(refused, ({ name, declared }) => `${name} ${declared !== null}`).values()]
    .map((these) => ({
      ...these[0],
      file: these.map(({ file }) => file).join(", "),
      faults: [...new Set(these.flatMap(({ faults }) => faults))],
    }));

/** What to do about a file that does not load. */
export const advice = (file: string): string =>
  `Correct ${file} and load it again: twofold plugins reload`;

/** What a refused plugin is reported as, wherever it is reported. */
export function refusedPlugin({ name, file, faults }: RefusedFile): ProblemReport {
  return {
    code: "plugin_refused",
    subject: `plugin ${name}`,
    message: `Plugin ${name} does not run: ${faults.join("; ")}. ${advice(file)}`,
    plugin: name,
  };
}

/**
 * What another refused file is reported as, wherever it is reported.
 *
 * @param kept whether what it declared before stays in use. Default false.
 */
export function refusedFile(
  { kind, name, file, faults }: RefusedFile,
  kept = false,
): ProblemReport {
  const subject = `${kindWords(kind)} ${name}`;
  const use = kept ? "is used as it was loaded before" : "is not used";
  return {
    code: `${kind}_refused`,
    subject,
    message: `${subject[0].toUpperCase()}${subject.slice(1)} ${use}: ${faults.join("; ")}. ` +
      advice(file),
  };
}

/** What a refused schema is reported as, wherever it is reported: one problem for all its metrics. */
export function refusedSchema({ message, former: { topic } }: SchemaMisfit): ProblemReport {
  return { code: "schema_refused", subject: `schema of ${topic}`, message: `${message}.`, topic };
}

async function sqlFaults(
  warehouse: Pick<Warehouse, "query">,
  { plugin, batchSql }: LoadedPlugin,
): Promise<string[]> {
  const faults: string[] = [];
  const check = async (member: string, checking: () => Promise<unknown>) => {
    try {
      await checking();
    } catch (error) {
      if (!(error instanceof TwofoldError) || error.fault === "external") throw error;
      faults.push(`${member}: ${engineWords(error)}`);
    }
  };
  const { sql } = plugin.batch;
  await check(
    sql.endsWith(".sql") ? `sql/${sql}` : "batch.sql",
    () => checkBatchSql(warehouse, { plugin, batchSql, columns: eventColumns(plugin.source) }),
  );
  faults.push(...await relationNameFaults(warehouse, plugin));
  const described = (text: string) => warehouse.query(`DESCRIBE TABLE (SELECT * FROM (${text}))`);
  for (const { member, sql } of relationsSql(plugin)) {
    await check(member, () => described(sql));
  }
  return faults;
}

/** Names of tables and views of Twofold's own. */
async function relationNameFaults(
  warehouse: Pick<Warehouse, "query">,
  plugin: Plugin,
): Promise<string[]> {
  const names = relationNames(plugin);
  const taken = await namesTaken(warehouse, names, "state_(batch|speed)");
  return names.filter((name) => taken.includes(name)).map(nameTaken);
}

const nameTaken = (name: string) => `relation "${name}": another table or view has this name`;

/** The names that tables have, or views over others than those of a kind. */
async function namesTaken(
  warehouse: Pick<Warehouse, "query">,
  names: readonly string[],
  kind: string,
): Promise<string[]> {
  const rows = await warehouse.query<{ name: string }>(
    `SELECT name FROM system.tables WHERE database = currentDatabase()
  AND name IN {names:Array(String)} AND NOT (engine = 'View' AND match(as_select, {own:String}))`,
    { params: { names, own: `\\b${kind}_` } },
  );
  return rows.map(({ name }) => name);
}

/** The engine's words without what was being done, and without the statement that Twofold made. */
function engineWords(error: TwofoldError): string {
  const words = messageOf(error).replace(/^Cannot [^:]*: /, "").split("\n")[0];
  const [hint = ""] = /Maybe you meant: \[[^\]]*\]/.exec(words) ?? [];
  const [said, scope] = words.split(/ in scope /i);
  return scope === undefined ? said : `${said}${hint === "" ? "" : `. ${hint}`}`;
}
