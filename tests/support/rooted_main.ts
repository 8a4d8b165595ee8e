/** The command line over another folder of `plugins/` and `sql/`: that of the variable TWOFOLD_TEST_ROOT. */
import { createApp } from "../../routes/app.ts";
import { runCommandLine } from "../../runtime/commands/cli.ts";
import { listen } from "../../runtime/commands/listen.ts";
import { processWorld } from "../../runtime/commands/process_world.ts";
import { openEngine } from "../../runtime/engine/engine.ts";
import { loadInputs } from "../../runtime/engine/load_plugins.ts";
import { systemClock } from "../../runtime/std/clock.ts";
import { fakeWorld } from "./fake_world.ts";

const root = Deno.env.get("TWOFOLD_TEST_ROOT")!;
const { inspect, database } = fakeWorld();

const world = processWorld({
  version: "test",
  root,
  database,
  inspect,
  inputs: async () => ({ ...await loadInputs(root), faults: [] }),
  openEngine: (config, options) => openEngine(config, { root, version: "test", ...options }),
  serve: (services, config, report) =>
    Promise.resolve(listen(createApp(services, null, { report }).fetch, config, systemClock)),
});
Deno.exit(await runCommandLine(Deno.args, world));
