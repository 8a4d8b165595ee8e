/** The command line: reads it, runs the command, tells faults, returns the exit code. */
import { type Config, readConfig, unknownVariables } from "../config.ts";
import { TwofoldError } from "../errors.ts";
import { batchCommand } from "./batch.ts";
import { helpOf, readCommandLine, type Request, UsageError } from "./command_line.ts";
import { checkDenoVersion } from "./deno_version.ts";
import { replayCommand, replayRequest } from "./replay.ts";
import { serverCommand } from "./run_server.ts";
import { statusCommand } from "./status.ts";
import { paint } from "./text.ts";
import type { World } from "./world.ts";

/** Exit codes by whose fault it was; the meaning of each is in the help. */
const EXIT_BY_FAULT = { user: 2, external: 3, internal: 1 } as const;
const INTERRUPTED = 130;

/**
 * Runs one command line.
 *
 * @param args without the program's name: `["dev", "--port", "9000"]`.
 * @returns the exit code: 0 done, 1 failed, 2 the command line, a setting or a file has to be
 * changed, 3 something outside failed, 130 interrupted before it was done.
 */
export async function runCommandLine(args: readonly string[], world: World): Promise<number> {
  try {
    checkDenoVersion();
    return await run(readCommandLine(args), world);
  } catch (error) {
    const interrupted = world.stop.aborted && !(error instanceof TwofoldError);
    if (interrupted) return INTERRUPTED;
    world.err.write(faultText(error, world));
    return error instanceof TwofoldError ? EXIT_BY_FAULT[error.fault] : 1;
  }
}

async function run(request: Request, world: World): Promise<number> {
  if (request.kind === "version") {
    world.out.write(`${world.version}\n`);
    return 0;
  }
  if (request.kind === "help") {
    world.out.write(helpOf(request.command));
    return 0;
  }
  const { command, argument, flags } = request;
  const replayed = command === "replay" ? replayRequest(argument!, flags) : null;
  // replay's own --rate is not the simulator's.
  const config = readConfig({
    command,
    flags: command === "replay" ? { data: flags.data } : flags,
    env: world.env,
  });
  warnOfUnknownVariables(config, world);
  switch (command) {
    case "dev":
    case "start":
      return await serverCommand(config, world);
    case "replay":
      return await replayCommand(replayed!, config, world);
    case "batch":
      return await batchCommand({ full: flags.full === true }, config, world);
    case "status":
      return await statusCommand({ json: flags.json === true }, config, world);
  }
}

function warnOfUnknownVariables({ command }: Config, world: World): void {
  if (command !== "dev" && command !== "start") return;
  for (const name of unknownVariables(world.env)) {
    world.err.write(
      paint(world.err, "yellow", `There is no setting ${name}; see: twofold help ${command}`) +
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
