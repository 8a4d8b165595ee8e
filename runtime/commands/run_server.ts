/** `dev` and `start`: everything in one process until it is told to stop. */
import type { Config } from "../settings/config.ts";
import { aborted, within } from "../std/abortable.ts";
import { pluginFolders } from "../engine/plugin_folders.ts";
import { ExternalError } from "../std/errors.ts";
import type { Source } from "../source.ts";
import { Feeds } from "./feeds.ts";
import type { Invocation } from "./invocation.ts";
import { logLines } from "./log_lines.ts";
import { Reloads } from "./reloads.ts";
import { grouped, paint } from "./text.ts";
import type { Listener, World } from "./world.ts";

/** How long stopping may take before the process ends anyway. */
const STOP_MS = 10_000;

/**
 * Runs the engine, the server and, where wanted, the sources until `world.stop` aborts; returns
 * the exit code.
 *
 * @throws what opening the engine or listening throws; then everything is closed again.
 */
export async function serverCommand({ config, world }: Invocation): Promise<number> {
  const log = logLines(config, world.err, world.clock);
  const startedMs = world.clock.now();
  if (config.command === "dev") world.err.write(openingText(config, world));
  const feeds = new Feeds(config, world.clock, log);
  const reloads = new Reloads(world, log);
  const engine = await world.openEngine(config, {
    onProblem(message, error) {
      log("warn", message, error);
      reloads.problem(message);
    },
    onNotice: (message) => log("info", message),
    onSources: (sources) => feeds.use(config.simulator ? sources : []),
  });
  let listener: Listener | null = null;
  try {
    listener = await world.serve(
      engine,
      config,
      (error) => log("error", "Cannot answer a request", error),
    );
    engine.start();
    await engine.listening(listener.url);
    const tookMs = world.clock.now() - startedMs;
    if (config.command === "dev") {
      world.out.write(bannerText(config, feeds.sources, listener.url, tookMs, world));
    } else {log(
        "info",
        `Twofold ${world.version} listens on ${listener.url}, data in ${config.dataDir}`,
      );}
    feeds.start(engine);
    const folders = pluginFolders(world.root, config.pluginDirs);
    // The executable's files cannot change.
    const watches = config.command === "dev" && !Deno.build.standalone;
    // What it is in the middle of when the process stops, the engine gives up.
    void reloads.run(engine, watches ? folders : []);
    await aborted(world.stop);
    if (config.command === "dev") world.err.write("\nStopping: flushing what is left …\n");
    else log("info", "stopping");
  } finally {
    const fed = feeds.stop();
    await stopWithin(STOP_MS, world, async () => {
      try {
        await fed;
        await listener?.shutdown();
      } finally {
        // Whatever failed before: a process that ends within a statement of the engine crashes.
        await engine.close();
      }
    });
  }
  if (config.command === "start") log("info", "stopped");
  return 0;
}

/** @throws ExternalError when closing takes too long; nothing acknowledged is lost by that. */
async function stopWithin(ms: number, { clock }: World, close: () => Promise<void>): Promise<void> {
  if (await within(ms, close(), clock)) return;
  throw new ExternalError(
    `Cannot stop within ${ms / 1000} s: ending now; what was acknowledged is in the log`,
    { retriable: false },
  );
}

function openingText({ dataDir }: Config, { err, version }: World): string {
  return paint(err, "dim", `Twofold ${version}: opening ${dataDir}, loading ClickHouse …`) + "\n";
}

function bannerText(
  config: Config,
  sources: readonly Source[],
  url: string,
  tookMs: number,
  { out, version }: World,
): string {
  const name = (text: string) => paint(out, "dim", text.padEnd(9));
  const rate = grouped(config.simulatorRate);
  const folders = config.pluginDirs.join(", ") || "plugins/";
  const events = sources.length > 0
    ? `${rate} a second of ${sources.map(({ name }) => name).join(", ")} (--rate N, --no-simulator)`
    : "none made up; send your own";
  return [
    "",
    `  ${paint(out, "bold", `Twofold ${version}`)} is ready after ${(tookMs / 1000).toFixed(1)} s`,
    "",
    `  ${name("page")} ${paint(out, "cyan", url)}`,
    `  ${name("API")} ${url}/api/v1/metrics`,
    `  ${name("events")} ${events}`,
    `  ${name("")} deno task replay FILE, or POST NDJSON to ${url}/api/v1/events`,
    `  ${name("batch")} runs by "${config.batchSchedule}" (UTC); now: deno task batch`,
    `  ${name("data")} ${config.dataDir}`,
    `  ${name("plugins")} save a file in ${folders}: its metric is on the page`,
    `  ${name("stop")} Ctrl-C`,
    "\n",
  ].join("\n");
}
