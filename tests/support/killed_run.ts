/**
 * A process to be killed where a batch run publishes. Arguments: the folder of `plugins/`, the data
 * folder, `rebuild` (of plugin a) or `backfill` (of plugin b, which is added), and whether it dies
 * `before` or `after` the run is decided to be the next one.
 */
import { join } from "node:path";
import { pluginText } from "./plugin_folder.ts";
import { RunningEngine } from "./running_engine.ts";

const [root, dir, what, moment] = Deno.args;
const running = await RunningEngine.open({ dir, root });
const { link } = Deno;
Deno.link = async (from, to) => {
  const decides = String(to).includes("/successors/");
  if (decides && moment === "before") Deno.kill(Deno.pid, "SIGKILL");
  await link(from, to);
  if (decides && moment === "after") Deno.kill(Deno.pid, "SIGKILL");
};
if (what === "rebuild") await running.engine.lifecycle.rebuild("a", {});
else {
  await Deno.writeTextFile(join(root, "plugins", "b.ts"), pluginText("b"));
  await running.engine.reloadPlugins();
  // The run is one of its own: nobody waits for it.
  await new Promise((resolve) => setTimeout(resolve, 120_000));
}
await running.close();
