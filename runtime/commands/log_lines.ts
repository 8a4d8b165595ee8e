import type { Clock } from "../std/clock.ts";
import type { Config } from "../settings/config.ts";
import { paint } from "./text.ts";
import type { Terminal } from "./world.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;
const COLOURS = { debug: "dim", info: "cyan", warn: "yellow", error: "red" } as const;

/** Writes one log line; `error` gives its message and, at level debug, its stack. */
export type Log = (level: typeof LEVELS[number], message: string, error?: unknown) => void;

/**
 * Log lines for people (`12:30:01 warn …`) or for machines (one JSON object per line), as the
 * settings say.
 */
export function logLines(
  { logLevel, logFormat }: Pick<Config, "logLevel" | "logFormat">,
  terminal: Terminal,
  clock: Clock,
): Log {
  const least = LEVELS.indexOf(logLevel);
  return (level, message, error) => {
    if (LEVELS.indexOf(level) < least) return;
    const time = new Date(clock.now()).toISOString();
    const fault = error === undefined ? undefined : messageOf(error, logLevel === "debug");
    if (logFormat === "json") {
      terminal.write(`${JSON.stringify({ time, level, message, error: fault })}\n`);
      return;
    }
    const head = `${paint(terminal, "dim", time.slice(11, 19))} ${
      paint(terminal, COLOURS[level], level)
    }`;
    terminal.write(`${head} ${message}${fault === undefined ? "" : `: ${fault}`}\n`);
  };
}

function messageOf(error: unknown, withStack: boolean): string {
  if (!(error instanceof Error)) return String(error);
  return withStack && error.stack !== undefined ? error.stack : error.message;
}
