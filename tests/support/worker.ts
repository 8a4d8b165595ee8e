/** `twofold` without pages, whose plugins are those of the folder that PLUGIN_ROOT names. */
import { createApp } from "../../routes/app.ts";
import { runCommandLine } from "../../runtime/commands/cli.ts";
import { listen } from "../../runtime/commands/listen.ts";
import { processWorld } from "../../runtime/commands/process_world.ts";
import { openEngine } from "../../runtime/engine/engine.ts";
import { systemClock } from "../../runtime/std/clock.ts";
import { fakeWorld } from "./fake_world.ts";

const root = Deno.env.get("PLUGIN_ROOT")!;
const { inspect, inputs, database } = fakeWorld();

const world = processWorld({
  version: "test",
  root,
  database,
  inspect,
  inputs,
  openEngine: (config, options) => openEngine(config, { root, version: "test", ...options }),
  serve: (services, config, report) => {
    const app = createApp(services, null, { report });
    return Promise.resolve(listen(app.fetch, config, systemClock));
  },
});
Deno.exit(await runCommandLine(Deno.args, world));
