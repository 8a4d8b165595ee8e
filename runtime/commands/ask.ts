import type { Config } from "../settings/config.ts";
import { openTarget, type TargetOptions } from "./open_target.ts";
import type { Target } from "./target.ts";
import type { World } from "./world.ts";

/** Where a command asks and prints. */
export interface Asking {
  readonly config: Config;
  readonly world: World;
  /** Whether the answer is printed as JSON. */
  readonly json: boolean;
}

/**
 * Asks the running process, or the data folder where none runs, and prints the answer.
 *
 * @param textOf the answer in words, with a line feed at its end.
 * @param options of the target. Default: a folder opened here only looks.
 * @returns the answer.
 */
export async function ask<Answer>(
  { config, world, json }: Asking,
  question: (target: Target) => Promise<Answer>,
  textOf: (answer: Answer) => string,
  options: TargetOptions = { start: false },
): Promise<Answer> {
  await using target = await openTarget(config, world, options);
  const answer = await question(target);
  world.out.write(json ? `${JSON.stringify(answer, null, 2)}\n` : textOf(answer));
  return answer;
}
