/** A file system of its own that runs full: a tmpfs which only those see who are told of it. */
import { join } from "node:path";

/** How a mount of one's own is made, and entered: as root, and as anybody else. */
const WAYS: readonly { readonly make: readonly string[]; readonly enter: readonly string[] }[] = [
  { make: ["--mount"], enter: ["--mount"] },
  {
    make: ["--map-root-user", "--mount"],
    enter: ["--user", "--preserve-credentials", "--mount"],
  },
];
/** It lasts as long as somebody holds the other end of its input. */
const HOLD = 'mount -t tmpfs -o size="$1" tmpfs "$2" && echo mounted && exec cat';

/** A mount that ends with the process which made it, and is in nobody's way. */
export class SmallDisk {
  readonly #holder: Deno.ChildProcess;
  readonly #ballast: string;
  /** Runs the program that follows it where the disk is seen. */
  readonly within: readonly string[];

  private constructor(holder: Deno.ChildProcess, folder: string, enter: readonly string[]) {
    this.#holder = holder;
    this.#ballast = join(folder, "ballast");
    this.within = ["nsenter", `--target=${holder.pid}`, ...enter, `--wd=${Deno.cwd()}`];
  }

  /**
   * Mounts it on a folder.
   *
   * @throws Error where this machine lets nobody mount: these tests do not pass there.
   */
  static async mount(folder: string, sizeBytes: number): Promise<SmallDisk> {
    const refusals: string[] = [];
    for (const { make, enter } of WAYS) {
      const holder = new Deno.Command("unshare", {
        args: [...make, "sh", "-c", HOLD, "sh", String(sizeBytes), folder],
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const { value } = await holder.stdout.getReader().read();
      if (value !== undefined) return new SmallDisk(holder, folder, enter);
      await holder.stdin.close();
      refusals.push(await new Response(holder.stderr).text());
      await holder.status;
    }
    throw new Error(
      "Cannot mount a small disk: expected root that may mount (in a container CAP_SYS_ADMIN), or " +
        `user namespaces; unshare says: ${refusals.join("; ").replaceAll("\n", " ")}`,
    );
  }

  /** Takes all room that is left. */
  async fill(): Promise<void> {
    const { code, err } = await this.#run(
      "dd",
      "if=/dev/zero",
      `of=${this.#ballast}`,
      "bs=4k",
      "oflag=append",
      "conv=notrunc",
    );
    if (code === 1 && err.includes("No space left on device")) return;
    throw new Error(`Cannot fill the disk: dd ended with ${code}: ${err}`);
  }

  /** Gives back what {@link SmallDisk.fill} took. */
  async free(): Promise<void> {
    const { code, err } = await this.#run("rm", "-f", this.#ballast);
    if (code !== 0) throw new Error(`Cannot free the disk: ${err}`);
  }

  /** Lets go of it; it ends with the last process within. */
  async close(): Promise<void> {
    await this.#holder.stdin.close();
    await this.#holder.stderr.cancel();
    await this.#holder.status;
  }

  async #run(...command: readonly string[]): Promise<{ code: number; err: string }> {
    const [program, ...args] = [...this.within, ...command];
    const env = { LC_ALL: "C" };
    const { code, stderr } = await new Deno.Command(program, { args, env }).output();
    return { code, err: new TextDecoder().decode(stderr) };
  }
}
