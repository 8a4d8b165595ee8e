/** The composition root: what the commands need of the engine and of the server. */
import type { DevSite } from "kit/dev";
import { type BuildCache, loadBuildCache, readBundle } from "kit/loading";
import { join } from "node:path";
import { createApp, notRoutes } from "./routes/app.ts";
import { systemClock } from "./runtime/std/clock.ts";
import type { Config } from "./runtime/settings/config.ts";
import { runCommandLine } from "./runtime/commands/cli.ts";
import { listen } from "./runtime/commands/listen.ts";
import { processWorld } from "./runtime/commands/process_world.ts";
import { UserError } from "./runtime/std/errors.ts";
import { checkServers } from "./runtime/engine/server_checks.ts";
import { refusedFile } from "./runtime/engine/check_plugins.ts";
import { loadInputs } from "./runtime/engine/load_plugins.ts";
import { pluginFolders } from "./runtime/engine/plugin_folders.ts";
import { openEngine } from "./runtime/engine/engine.ts";
import { inspectDeclarations, inspectSchemas } from "./runtime/engine/inspect_declarations.ts";
import { shareAnswers } from "./runtime/engine/shared_answers.ts";
import { findLibrary, loadLibchdb } from "./runtime/warehouse/libchdb.ts";

const version = "0.1.0";
/** The ClickHouse database where `TWOFOLD_CLICKHOUSE_DATABASE` names none. */
const database = "movie_analytics";
const root = import.meta.dirname!;

const world = processWorld({
  version,
  database,
  root,
  inspect: {
    library(path) {
      const found = path ?? findLibrary();
      loadLibchdb(found);
      return found;
    },
    plugins: (dirs, library) => inspectDeclarations(root, dirs, library),
    schemas: (config) => inspectSchemas(root, config, systemClock),
    servers: (config, topics) => checkServers(config, topics, systemClock),
  },
  async inputs(dirs) {
    const { refused, ...inputs } = await loadInputs(pluginFolders(root, dirs));
    return { ...inputs, faults: refused.map((one) => refusedFile(one).message) };
  },
  openEngine: (config, options) => openEngine(config, { root, version, ...options }),
  async serve(services, config, report) {
    const develops = config.command === "dev" && !Deno.build.standalone;
    const pages = config.roles.includes("serve");
    const site = !pages ? null : develops ? await openDevSite() : await loadSite();
    const app = createApp(shareAnswers(services, systemClock), site, {
      access: accessRules(config),
      report,
    });
    return listen(app.fetch, config, systemClock);
  },
});

function accessRules({ hosts, readTokens, writeTokens, publicRead, publicProbes }: Config) {
  const revealed = (tokens: Config["readTokens"]) => tokens?.map((token) => token.reveal());
  return {
    hosts,
    publicProbes,
    readTokens: publicRead ? undefined : revealed(readTokens),
    writeTokens: revealed(writeTokens),
  };
}

const siteFolder = { root, ignore: notRoutes };

/** Pages that follow their files. */
async function openDevSite(): Promise<DevSite> {
  // Not named where it is imported: the executable has its islands bundled, and no esbuild.
  const module = "kit/dev";
  return await (await import(module)).openDevSite(siteFolder);
}

/** @throws {UserError} when the islands have not been bundled. */
async function loadSite(): Promise<BuildCache> {
  const bundle = await readBundle(join(root, "dist", "client"));
  if (bundle === null) {
    throw new UserError("Cannot serve the pages: dist/client is not there; run `deno task build`");
  }
  return await loadBuildCache({ ...siteFolder, bundle });
}

// Ends what may linger: everything that has to be closed is.
Deno.exit(await runCommandLine(Deno.args, world));
