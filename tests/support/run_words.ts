import { runCommandLine } from "../../runtime/commands/cli.ts";
import { fakeWorld } from "./fake_world.ts";

/** Runs a command line, words with spaces between. */
export async function runWords(args: string, world = fakeWorld()) {
  const code = await runCommandLine(args === "" ? [] : args.split(" "), world);
  return { code, out: world.out.text(), err: world.err.text(), world };
}
