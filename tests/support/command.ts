/** The real command line in processes of its own. */
import { readOwner } from "../../runtime/engine/data_folder.ts";
import { eventually } from "./eventually.ts";
import { root } from "./running_engine.ts";

/** What a command came to. */
export interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** With the permissions of the command's task, and those for the paths that are given. */
function command(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Deno.Command {
  const paths = [...args, ...Object.values(env)].filter((text) => text.startsWith("/"));
  const [read, write] = [".", "./data"].map((own) => [own, ...paths].join(","));
  const permissions = args[0] === "test"
    ? ["-P=test"]
    : ["-P=run", `--allow-read=${read}`, `--allow-write=${write}`];
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", ...permissions, "main.ts", ...args],
    cwd: root,
    env: { ...env, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** Runs one command to its end. */
export async function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  return await resultOf(command(args, env));
}

/** What a program comes to, which is run or runs already. */
export async function resultOf(program: Pick<Deno.Command, "output">): Promise<CommandResult> {
  const { code, stdout, stderr } = await program.output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  // Deno calls permission sets experimental.
  return { code, out, err: err.replace(/^Warning Permissions in the config file.*\n/, "") };
}

/** A `start` or `dev` that runs. */
export class RunningProcess {
  #text = "";
  readonly #drained: Promise<unknown>;

  private constructor(
    readonly dir: string,
    readonly child: Deno.ChildProcess,
    readonly startedMs: number,
  ) {
    this.#drained = Promise.all([this.#drain(child.stdout), this.#drain(child.stderr)]);
  }

  /** Spawns it on a free port; does not wait until it listens. */
  static spawn(
    dir: string,
    flags: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): RunningProcess {
    const args = ["start", "--port", "0", "--data", dir, ...flags];
    return new RunningProcess(dir, command(args, env).spawn(), Date.now());
  }

  /** Waits until it listens and answers. */
  async url(): Promise<string> {
    const answering = eventually("the process to listen", async () => {
      const owner = await readOwner(this.dir);
      if (owner?.pid !== this.child.pid || owner.url === null) return "";
      const response = await fetch(new URL("/healthz", owner.url));
      await response.body?.cancel();
      return response.ok ? owner.url : "";
    });
    const ended = this.child.status.then(({ code }) => {
      throw new Error(`The process ended with ${code}: ${this.#text}`);
    });
    return await Promise.race([answering, ended]);
  }

  /** What it wrote so far. */
  get text(): string {
    return this.#text;
  }

  /** Sends a signal and waits for the end; returns the exit code. */
  async end(signal: Deno.Signal): Promise<number> {
    try {
      this.child.kill(signal);
    } catch (error) {
      // It may have ended by itself: the exit code tells.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
    const { code } = await this.child.status;
    await this.#drained;
    return code;
  }

  async #drain(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) this.#text += decoder.decode(bytes, { stream: true });
  }
}
