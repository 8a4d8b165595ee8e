/** What is wrong with the files of `plugins/`, found without a start. */
import { join } from "node:path";
import { openEmbeddedWarehouse } from "../warehouse/embedded_warehouse.ts";
import { migrate, readMigrations } from "../warehouse/migrations.ts";
import type { Clock } from "../std/clock.ts";
import type { Config } from "../settings/config.ts";
import { hasLocalArchive, openStore } from "./adapters.ts";
import { fittingSchema } from "./fitting_schema.ts";
import { checkedDeclarations, refusedFile, refusedPlugin, refusedSchema } from "./check_plugins.ts";
import { pluginFolders } from "./plugin_folders.ts";
import { assertAny, type Declarations, loadDeclarations } from "./load_plugins.ts";

/** What was found. */
export interface Inspection {
  /** Names of the plugins that run. */
  readonly plugins: readonly string[];
  readonly topics: readonly string[];
  /** The message of each file that is refused, as a start reports it. */
  readonly faults: readonly string[];
}

/** The engine reads statements and keeps nothing. */
const MEMORY_BYTES = 500_000_000;

/**
 * Checks folders of plugins as a start does, with an engine of its own over a temporary folder.
 *
 * @param root the checkout.
 * @param dirs see {@link pluginFolders}.
 * @param library ClickHouse's; null to leave SQL unread.
 * @throws {UserError} when there are plugins and none of them loads.
 */
export async function inspectDeclarations(
  root: string,
  dirs: readonly string[],
  library: string | null,
): Promise<Inspection> {
  const declared = library === null
    ? await loadDeclarations(pluginFolders(root, dirs))
    : await withEngine(root, dirs, library);
  if (library === null) assertAny(declared);
  const { plugins, refused, refusedFiles } = declared;
  return {
    plugins: plugins.map(({ plugin }) => plugin.name),
    topics: [...new Set(plugins.map(({ plugin }) => plugin.source.topic))],
    faults: [...refused.map(refusedPlugin), ...refusedFiles.map((one) => refusedFile(one))]
      .map(({ message }) => message),
  };
}

/**
 * The message of each topic whose schema does not fit what is archived, as a start reports it.
 *
 * @param config says where the archive is; nothing is made where there is none.
 * @throws {UserError} when there are plugins and none of them loads.
 * @throws {ExternalError} when the archive cannot be read.
 */
export async function inspectSchemas(
  root: string,
  config: Config,
  clock: Clock,
): Promise<string[]> {
  if (config.s3Endpoint === null && !await hasLocalArchive(config)) return [];
  const declared = await loadDeclarations(pluginFolders(root, config.pluginDirs));
  assertAny(declared);
  const { plugins } = declared;
  const schemas = new Map(plugins.map(({ plugin: { source } }) => [source.topic, source]));
  const { store, closeStore } = await openStore(config, clock);
  try {
    const faults: string[] = [];
    for (const schema of schemas.values()) {
      const { misfit } = await fittingSchema({ store, schema, claims: false });
      if (misfit !== null) faults.push(refusedSchema(misfit).message);
    }
    return faults;
  } finally {
    closeStore();
  }
}

async function withEngine(
  root: string,
  dirs: readonly string[],
  libraryPath: string,
): Promise<Declarations> {
  const warehouse = await openEmbeddedWarehouse({
    dir: null,
    database: "checked",
    libraryPath,
    memoryLimitBytes: MEMORY_BYTES,
  });
  try {
    await migrate(warehouse, await readMigrations(join(root, "sql", "migrations")));
    return await checkedDeclarations(pluginFolders(root, dirs), warehouse, { required: true });
  } finally {
    await warehouse.close();
  }
}
