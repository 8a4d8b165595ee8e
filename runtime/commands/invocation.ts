import type { Config } from "../settings/config.ts";
import type { RunRequest } from "./command_line.ts";
import { openTarget, type TargetOptions } from "./open_target.ts";
import type { Target } from "./target.ts";
import type { World } from "./world.ts";

/** A command that is run: what the command line says, its settings, and where it runs. */
export interface Invocation extends RunRequest {
  readonly config: Config;
  readonly world: World;
}

/**
 * Asks the running process, or the data folder where none runs, and prints the answer: in words, or as
 * JSON with `--json`.
 *
 * @param textOf the answer in words, with a line feed at its end.
 * @param options of the target. Default: a folder opened here only looks.
 * @returns the answer.
 */
export async function ask<Answer>(
  { config, world, flags }: Invocation,
  question: (target: Target) => Promise<Answer>,
  textOf: (answer: Answer) => string,
  options: TargetOptions = { start: false },
): Promise<Answer> {
  await using target = await openTarget(config, world, options);
  const answer = await question(target);
  const json = flags.json === true;
  world.out.write(json ? `${JSON.stringify(answer, null, 2)}\n` : textOf(answer));
  return answer;
}
