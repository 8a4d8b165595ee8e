/** esbuild, without the variables of this process. */
import childProcess from "node:child_process";

// It starts its program with all variables: Deno lists them only to a process that may read each.
const { spawn } = childProcess;
childProcess.spawn =
  ((command: string, args: string[], options: object) =>
    spawn(command, args, { ...options, env: {} })) as typeof spawn;

export { build } from "esbuild";
