import { paint } from "./text.ts";
import type { DeclaredInputs, World } from "./world.ts";

/** The declared formats and sources; tells which are not used. */
export async function inputsOf(world: World): Promise<DeclaredInputs> {
  const inputs = await world.inputs();
  for (const fault of inputs.faults) world.err.write(`${paint(world.err, "yellow", fault)}\n`);
  return inputs;
}
