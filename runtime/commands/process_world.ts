/** The world of a real process: its terminal, environment and signals. */
import process from "node:process";
import { systemClock } from "../std/clock.ts";
import { readOwner } from "../engine/data_folder.ts";
import { UserError } from "../std/errors.ts";
import { reloadRequests } from "./reload_requests.ts";
import type { Terminal, World } from "./world.ts";

/** What only the composition root knows. */
export type Composition = Pick<
  World,
  "openEngine" | "serve" | "inspect" | "inputs" | "version" | "database" | "root"
>;

const COLUMNS = 80;
const INTERRUPTED = 130;

/**
 * The world of this process. The first SIGINT or SIGTERM aborts `stop`; the second ends the process
 * at once.
 */
export function processWorld(composition: Composition): World {
  const stop = stopSignal();
  return {
    ...composition,
    standalone: Deno.build.standalone,
    ask: Deno.stdin.isTerminal()
      ? (question, standard) => prompt(`${question}:`, standard) ?? standard
      : null,
    runDeno: (args) => runDeno(args, stop),
    readOwner,
    hasFolder: (dir) => Deno.stat(dir).then(() => true, isOther),
    reloadRequests: (watched, signal) => reloadRequests({ watched, clock: systemClock }, signal),
    readText: Deno.readTextFile,
    clock: systemClock,
    env: process.env,
    input: () => Deno.stdin.readable,
    out: terminalOf(Deno.stdout),
    err: terminalOf(Deno.stderr),
    stop,
  };
}

/** A path that cannot be looked at is opened, and that says why. */
const isOther = (error: unknown) => !(error instanceof Deno.errors.NotFound);

function terminalOf(stream: typeof Deno.stdout): Terminal {
  const encoder = new TextEncoder();
  const tty = stream.isTerminal();
  let closed = false;
  return {
    tty,
    get closed() {
      return closed;
    },
    colours: tty && !Deno.noColor,
    get columns() {
      return tty ? Deno.consoleSize().columns : COLUMNS;
    },
    write(text) {
      const bytes = typeof text === "string" ? encoder.encode(text) : text;
      try {
        for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
      } catch (error) {
        // The reader is gone (`twofold status | head`): nobody is left to tell.
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
        closed = true;
      }
    },
  };
}

function stopSignal(): AbortSignal {
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) Deno.exit(INTERRUPTED);
    stop.abort();
  };
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, onSignal);
  return stop.signal;
}

async function runDeno(args: readonly string[], signal: AbortSignal): Promise<number> {
  const fault = (why: string) =>
    new UserError(
      `Cannot run deno ${args[0]}: ${why}; run \`deno task test:plugins\` in a checkout`,
    );
  if (Deno.build.standalone) throw fault("the executable does not hold Deno's tools");
  try {
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: [...args],
      signal,
      stdin: "null",
      stdout: "inherit",
      stderr: "inherit",
    }).output();
    return code;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw fault("this process may not start others");
    throw error;
  }
}
