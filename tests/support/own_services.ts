/** Real servers of one test alone, which may fail, run out of room or be set up in another way. */
import { join } from "node:path";
import { root } from "./running_engine.ts";

/** A server that `deno task services:up` knows. */
export type ServiceName = "kafka" | "minio" | "clickhouse";

/** Options of {@link OwnServices.start}. */
export interface OwnServicesOptions {
  readonly only: readonly ServiceName[];
  /** Variables of the servers' processes. */
  readonly env?: Readonly<Record<string, string>>;
  /** A program and its arguments that run the start, such as `nsenter …`. Default: none. */
  readonly within?: readonly string[];
  /** Where their data, logs and state go. Default: a new folder. */
  readonly dir?: string;
}

/** Servers with a folder of their own. */
export class OwnServices {
  readonly #options: OwnServicesOptions;
  /** Where data (`minio-data`), logs (`minio.log`) and state are. */
  readonly dir: string;
  /** The settings by which Twofold reaches them. */
  settings: Readonly<Record<string, string>> = {};

  private constructor(options: OwnServicesOptions, dir: string) {
    this.#options = options;
    this.dir = dir;
  }

  static async start(options: OwnServicesOptions): Promise<OwnServices> {
    const dir = options.dir ?? await Deno.makeTempDir({ prefix: "twofold-servers-" });
    const services = new OwnServices(options, dir);
    await services.up();
    const lines = (await services.#run("status", "--env")).matchAll(/^(TWOFOLD_\w+)=(.*)$/gm);
    services.settings = Object.fromEntries([...lines].map(([, name, value]) => [name, value]));
    return services;
  }

  /** Starts those that do not run, where they were. @throws Error with what the start says. */
  async up(): Promise<void> {
    await this.#run("up");
  }

  /** Whether all of them run. */
  async run(): Promise<boolean> {
    return await this.#run("status").then(() => true, () => false);
  }

  /** kill -9 */
  async kill(name: ServiceName): Promise<void> {
    const { pid } = JSON.parse(await Deno.readTextFile(join(this.dir, `${name}.json`)));
    Deno.kill(pid, "SIGKILL");
  }

  /** Stops them and removes their folder. */
  async close(): Promise<void> {
    await this.#run("down");
    await Deno.remove(this.dir, { recursive: true });
  }

  /** Starting and stopping servers reads processes, which a test may not. */
  async #run(verb: "up" | "down" | "status", ...flags: string[]): Promise<string> {
    const { only, env, within = [] } = this.#options;
    const [program, ...args] = [
      ...within,
      Deno.execPath(),
      "run",
      "-A",
      "--no-check",
      "tools/services/main.ts",
      verb,
      "--only",
      only.join(","),
      "--data",
      this.dir,
      ...flags,
    ];
    const ended = await new Deno.Command(program, { args, cwd: root, env }).output();
    const [out, err] = [ended.stdout, ended.stderr].map((bytes) => new TextDecoder().decode(bytes));
    if (!ended.success) throw new Error(`Cannot run services ${verb}: ${err}${out}`);
    return out;
  }
}
