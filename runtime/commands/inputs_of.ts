import type { Config } from "../settings/config.ts";
import { paint } from "./text.ts";
import type { DeclaredInputs, World } from "./world.ts";

/** The declared formats and sources; tells which are not used. */
export async function inputsOf(
  world: World,
  { pluginDirs }: Pick<Config, "pluginDirs">,
): Promise<DeclaredInputs> {
  const inputs = await world.inputs(pluginDirs);
  for (const fault of inputs.faults) world.err.write(`${paint(world.err, "yellow", fault)}\n`);
  return inputs;
}
