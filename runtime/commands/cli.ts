/** The command line: reads it, runs the command, tells faults, returns the exit code. */
import { type Config, pluginDirsOf, readConfig } from "../settings/config.ts";
import { misspeltVariables } from "../settings/misspelt_variables.ts";
import type { Command } from "../settings/setting.ts";
import { withSecretFiles } from "../settings/secret_files.ts";
import { NotFoundError, TwofoldError } from "../std/errors.ts";
import { batchCancelCommand, batchCommand } from "./batch.ts";
import {
  pluginsDropCommand,
  pluginsPauseCommand,
  pluginsPruneCommand,
  pluginsRebuildCommand,
  pluginsReloadCommand,
} from "./plugins_changing.ts";
import { pluginsInspectCommand, pluginsListCommand } from "./plugins_inspection.ts";
import { catalogCommand, catalogPutCommand, catalogsCommand } from "./catalog.ts";
import {
  readCommandLine,
  type Request,
  type RunRequest,
  settingFlags,
  UsageError,
} from "./command_line.ts";
import {
  deadLetterCommand,
  deadLettersCommand,
  deadLettersRedriveCommand,
} from "./dead_letters.ts";
import { checkDenoVersion } from "./deno_version.ts";
import { doctorCommand } from "./doctor.ts";
import { driftAcceptCommand, driftCommand } from "./drift.ts";
import { eventsTailCommand } from "./events_tail.ts";
import { helpOf, readsFiles } from "./help.ts";
import type { Invocation } from "./invocation.ts";
import { newPluginCommand, newSchemaCommand } from "./new_files.ts";
import { inputsOf } from "./inputs_of.ts";
import { queryCommand } from "./query.ts";
import { checkPathPermissions } from "./path_permissions.ts";
import { produceCommand } from "./produce.ts";
import { replayCommand } from "./replay.ts";
import { serverCommand } from "./run_server.ts";
import { sqlCommand } from "./sql.ts";
import { configCommand, statusCommand } from "./status.ts";
import { paint } from "./text.ts";
import { testPluginsCommand } from "./test_plugins.ts";
import { verifyAcceptCommand, verifyCommand } from "./verify.ts";
import type { World } from "./world.ts";

/** Exit codes by whose fault it was; the meaning of each is in the help. */
const EXIT_BY_FAULT = { user: 2, external: 3, internal: 1 } as const;
const NOT_FOUND = 4;
const INTERRUPTED = 130;

/**
 * Runs one command line.
 *
 * @param args without the program's name: `["dev", "--port", "9000"]`.
 * @returns the exit code: 0 done, 1 failed, 2 the command line, a setting or a file is wrong,
 * 3 an external failure, 4 not found, 130 interrupted before it was done.
 */
export async function runCommandLine(args: readonly string[], world: World): Promise<number> {
  try {
    const request = readCommandLine(args);
    // doctor tells of an old Deno itself.
    if (request.kind !== "run" || request.command !== "doctor") checkDenoVersion();
    return await run(request, world);
  } catch (thrown) {
    // What a command failed by says more than what could not be closed afterwards.
    const error = thrown instanceof SuppressedError ? thrown.suppressed : thrown;
    const interrupted = world.stop.aborted && !(error instanceof TwofoldError);
    if (interrupted) return INTERRUPTED;
    world.err.write(faultText(error, world));
    if (error instanceof NotFoundError) return NOT_FOUND;
    return error instanceof TwofoldError ? EXIT_BY_FAULT[error.fault] : 1;
  }
}

async function run(request: Request, world: World): Promise<number> {
  if (request.kind === "version") {
    world.out.write(`${world.version}\n`);
    return 0;
  }
  if (request.kind === "help") {
    const reads = request.command !== null && readsFiles(request.command);
    const inputs = reads ? await inputsOf(world, { pluginDirs: pluginDirsOf(world) }) : undefined;
    world.out.write(helpOf(request.command, inputs));
    return 0;
  }
  return await runRequest(request, world);
}

/** What runs a command; `doctor` and the commands of authors run without valid settings. */
const runners: Readonly<
  Record<
    Exclude<Command, "doctor" | "test" | "new plugin" | "new schema">,
    (invocation: Invocation) => Promise<number>
  >
> = {
  dev: serverCommand,
  start: serverCommand,
  replay: replayCommand,
  produce: produceCommand,
  batch: batchCommand,
  "batch cancel": batchCancelCommand,
  "plugins list": pluginsListCommand,
  "plugins inspect": pluginsInspectCommand,
  "plugins reload": pluginsReloadCommand,
  "plugins pause": pluginsPauseCommand,
  "plugins resume": pluginsPauseCommand,
  "plugins rebuild": pluginsRebuildCommand,
  "plugins drop": pluginsDropCommand,
  "plugins prune": pluginsPruneCommand,
  status: statusCommand,
  verify: verifyCommand,
  "verify accept": verifyAcceptCommand,
  query: queryCommand,
  "events tail": eventsTailCommand,
  "dead-letters": deadLettersCommand,
  "dead-letters show": deadLetterCommand,
  "dead-letters redrive": deadLettersRedriveCommand,
  drift: driftCommand,
  "drift accept": driftAcceptCommand,
  catalog: catalogsCommand,
  "catalog show": catalogCommand,
  "catalog put": catalogPutCommand,
  sql: sqlCommand,
};

async function runRequest(request: RunRequest, world: World): Promise<number> {
  const { command, flags } = request;
  const json = flags.json === true;
  if (command === "test") return await testPluginsCommand(request, world);
  if (command === "new plugin") return await newPluginCommand(request, world);
  if (command === "new schema") return await newSchemaCommand(request, world);
  checkPathPermissions(request, world.env);
  const env = await withSecretFiles(world.env, world.readText);
  // doctor tells of settings that cannot be used itself.
  if (command === "doctor") {
    return await doctorCommand({ flags: settingFlags(request), env }, { json }, world);
  }
  const given = { command, flags: settingFlags(request), env, database: world.database };
  const config = readConfig(given);
  warnOfMisspeltVariables(config, world);
  if (flags.config === true) return configCommand({ json }, given, world);
  return await runners[command]({ ...request, config, world });
}

function warnOfMisspeltVariables({ command }: Config, world: World): void {
  if (command !== "dev" && command !== "start") return;
  for (const name of misspeltVariables(world.env)) {
    world.err.write(
      paint(world.err, "yellow", `Unknown setting ${name}; see: twofold help ${command}`) +
        "\n",
    );
  }
}

function faultText(error: unknown, world: World): string {
  const { err, env } = world;
  const known = error instanceof TwofoldError && error.fault !== "internal";
  const withStack = !known || env.TWOFOLD_LOG_LEVEL === "debug";
  const text = error instanceof Error
    ? (withStack ? error.stack ?? error.message : error.message)
    : String(error);
  const hint = error instanceof UsageError
    ? `See: twofold help${error.command === null ? "" : ` ${error.command}`}\n`
    : "";
  return `${paint(err, "red", "error")} ${text}\n${hint}`;
}
