/** The composition root: what the commands need of the engine and of the server. */
import { createApp } from "./routes/app.ts";
import { systemClock } from "./runtime/clock.ts";
import { runCommandLine } from "./runtime/commands/cli.ts";
import { listen } from "./runtime/commands/listen.ts";
import { processWorld } from "./runtime/commands/process_world.ts";
import { checkServers } from "./runtime/engine/server_checks.ts";
import { openEngine } from "./runtime/engine/engine.ts";
import { loadPlugins } from "./runtime/engine/load_plugins.ts";
import { shareAnswers } from "./runtime/engine/shared_calls.ts";
import { findLibrary, loadLibchdb } from "./runtime/warehouse/libchdb.ts";

const version = "0.1.0";
const root = import.meta.dirname!;

const world = processWorld({
  version,
  inspect: {
    library(path) {
      const found = path ?? findLibrary();
      loadLibchdb(found);
      return found;
    },
    plugins: async () => (await loadPlugins(root)).map(({ plugin }) => plugin.name),
    async *servers(config) {
      const sources = (await loadPlugins(root)).map(({ plugin }) => plugin.source.topic);
      yield* checkServers(config, [...new Set(sources)], systemClock);
    },
  },
  openEngine: (config, onProblem) => openEngine(config, { root, version, onProblem }),
  serve: (services, config) => {
    const app = createApp(shareAnswers(services, systemClock), {
      writeToken: config.writeToken?.reveal(),
      pages: config.roles.includes("serve"),
    });
    return Promise.resolve().then(() => listen(app.fetch, config, systemClock));
  },
});

// Ends what may linger: everything that has to be closed is.
Deno.exit(await runCommandLine(Deno.args, world));
