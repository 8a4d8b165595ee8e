/** What has to be so that Twofold can run here. */
import {
  type Config,
  type ConfigInput,
  pluginDirsOf,
  readConfig,
  settings,
} from "../settings/config.ts";
import { misspeltVariables } from "../settings/misspelt_variables.ts";
import { settingSources } from "../settings/setting_sources.ts";
import type { Inspection } from "../engine/inspect_declarations.ts";
import { type Check, failed, fine } from "../ports/check.ts";
import { connect } from "./client.ts";
import { checkDenoVersion } from "./deno_version.ts";
import { folderChecks } from "./doctor_folder.ts";
import { portCheck } from "./doctor_port.ts";
import { problemText } from "./status.ts";
import { nearest } from "../std/closest.ts";
import { counted } from "./text.ts";
import type { Owner, World } from "./world.ts";

/** A clock before this release is wrong; event times end in 2105. */
const SANE_FROM = Date.UTC(2026, 0, 1), SANE_TO = Date.UTC(2105, 0, 1);

/** The checks, one after another; a fault in one is told and the others go on. */
export async function* checksOf(
  { flags, env }: Required<Pick<ConfigInput, "flags" | "env">>,
  world: World,
): AsyncGenerator<Check> {
  const { inspect } = world;
  yield await attempt("deno", null, () => {
    checkDenoVersion();
    return fine("deno", Deno.version.deno);
  });
  yield clockCheck(world);
  // As start would have them: that is what has to go well.
  const given = { command: "start" as const, flags, env, database: world.database };
  const read = await attempt("settings", null, () => settingsCheck(given, world.env));
  yield read;
  const hasServer = Boolean(env[settings.clickhouseUrl.env]);
  let library: string | null = null;
  const clickhouse = await attempt("clickhouse", "run `deno install`, or set --libchdb", () => {
    const path = flags.libchdb ?? env[settings.libchdbPath.env];
    library = inspect.library(path ? String(path) : null);
    return fine("clickhouse", library);
  });
  if (!hasServer) yield clickhouse;
  let topics: readonly string[] = [];
  yield await attempt("plugins", "correct or remove these files", async () => {
    const found = await inspect.plugins(pluginDirsOf({ flags, env }), library);
    topics = found.topics;
    return pluginsCheck(found, library !== null);
  });
  if (read.state === "fail") return;
  const config = readConfig(given);
  const owner = await world.readOwner(config.dataDir).catch(() => null);
  yield* folderChecks(config, owner, world.clock);
  yield await portCheck(config, owner);
  yield* inspect.servers(config, topics);
  yield await attempt("schemas", "see the other checks", async () => {
    const faults = await inspect.schemas(config);
    if (faults.length === 0) return fine("schemas", "they fit what is archived");
    return { check: "schemas", state: "fail", found: faults.join("\n"), advice: null };
  });
  if (owner === null) return;
  yield await attempt("process", "look at its log", () => processCheck(owner, config, world));
}

async function attempt(
  check: string,
  advice: string | null,
  action: () => Check | Promise<Check>,
): Promise<Check> {
  try {
    return await action();
  } catch (error) {
    return failed(check, error, advice);
  }
}

function pluginsCheck({ plugins, faults }: Inspection, read: boolean): Check {
  const run = `${counted(plugins.length, "plugin")}: ${plugins.join(", ")}`;
  const unread = read ? "" : "; without ClickHouse's library their SQL was not read";
  if (faults.length === 0) return fine("plugins", run + unread);
  const found = [run + unread, ...faults].join("\n");
  return { check: "plugins", state: "fail", found, advice: null };
}

function clockCheck({ clock }: World): Check {
  const found = new Date(clock.now()).toISOString();
  const sane = clock.now() >= SANE_FROM && clock.now() < SANE_TO;
  if (sane) return fine("clock", found);
  return { check: "clock", state: "fail", found, advice: "set the machine's clock" };
}

function settingsCheck(given: ConfigInput, env: World["env"]): Check {
  const sources = settingSources(given).filter(({ source }) => source !== "default");
  const names = sources.map(({ source, flag, variable }) => source === "flag" ? flag : variable);
  const found = names.length === 0 ? "all defaults" : `${names.join(", ")}; the rest defaults`;
  const unknown = misspeltVariables(env);
  if (unknown.length === 0) return fine("settings", found);
  const known = Object.values(settings).map((setting) => setting.env.toLowerCase());
  const meant = unknown.map((name) => {
    const near = nearest(name, known);
    return `${name}${near === null ? "" : ` (did you mean ${near.toUpperCase()}?)`}`;
  });
  return {
    check: "settings",
    state: "warn",
    found: `there is no setting ${meant.join(", ")}`,
    advice: "mend or unset it; `twofold status --config` shows all",
  };
}

/** How the process that owns the folder is. */
async function processCheck(owner: Owner, config: Config, world: World): Promise<Check> {
  const found = `process ${owner.pid}`;
  if (owner.url === null) {
    return {
      check: "process",
      state: "warn",
      found: `${found} does not listen yet`,
      advice: "look again in a minute, then at its log",
    };
  }
  const status = await connect({ config, world, url: owner.url, attempts: 2 }).status();
  const { ready, problems, version } = status;
  const about = `${found}, Twofold ${version}, on ${owner.url}`;
  if (ready && problems.length === 0) return fine("process", `${about} is well`);
  return {
    check: "process",
    state: ready ? "warn" : "fail",
    found: [
      `${about} ${ready ? "has problems" : "is not ready"}`,
      ...problems.map(problemText),
    ].join("\n"),
    advice: "docs/operations.md tells the ways out; its log tells more",
  };
}
