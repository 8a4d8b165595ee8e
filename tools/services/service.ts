/** What a server is to the tools that run it on this machine. */

import { delimiter, join, resolve } from "node:path";

/** A program that a server needs, and where Debian has it. */
export interface Program {
  readonly name: string;
  readonly debianPackage: string;
}

/** Where a running server is reached, and with what; kept in the run folder. */
export interface Endpoint {
  readonly port: number;
  /** Ports that only the server itself uses. */
  readonly innerPorts: readonly number[];
  /** Made for this run folder; empty where the server asks for none. */
  readonly user: string;
  readonly password: string;
}

/** A process to start. */
export interface Launch {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A server that can be built from package registries and run on loopback. */
export interface Service {
  readonly name: string;
  /** Name and pinned version, for people. */
  readonly title: string;
  readonly needs: readonly Program[];
  readonly innerPortCount: number;
  readonly hasPassword: boolean;
  /** Downloads and builds into `cache`; does nothing where that was done before. */
  install(cache: string): Promise<void>;
  /** Prepares `data`, which may hold data of an earlier start, and tells what to start. */
  launch(cache: string, data: string, at: Endpoint): Promise<Launch>;
  /** Whether it answers. */
  isReady(at: Endpoint): Promise<boolean>;
  /** Called once after each start, when it answers. */
  started?(at: Endpoint): Promise<void>;
  /** The settings by which Twofold reaches it. */
  settings(at: Endpoint): Readonly<Record<string, string>>;
}

/** A fault that the user can mend; told without a stack. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
}

/**
 * Runs a program to its end.
 *
 * @throws ServiceError with the end of what it wrote.
 */
export async function run({ program, args, env }: Launch): Promise<void> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    env,
    stdin: "null",
  }).output();
  if (code === 0) return;
  const text = new TextDecoder().decode(new Uint8Array([...stdout, ...stderr]));
  throw new ServiceError(`${program} ended with ${code}:\n${withoutUrls(text).slice(-4000)}`);
}

/** Where downloads and builds are kept. */
export function cacheFolder(): string {
  const home = Deno.env.get("HOME") ?? ".";
  return resolve(Deno.env.get("TWOFOLD_SERVICES") ?? join(home, ".cache/twofold-services"));
}

/**
 * Looks for programs on the PATH.
 *
 * @param title what needs them, for people.
 * @throws ServiceError that says how to get the first one missing.
 */
export async function requirePrograms(title: string, needs: readonly Program[]): Promise<void> {
  const folders = (Deno.env.get("PATH") ?? "").split(delimiter);
  for (const { name, debianPackage } of needs) {
    const found = await Promise.all(folders.map((folder) => exists(join(folder, name))));
    if (found.some(Boolean)) continue;
    throw new ServiceError(
      `${title} needs "${name}", which is not on the PATH; on Debian: ` +
        `apt-get install ${debianPackage}`,
    );
  }
}

/** Whether a file or folder is there. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** Where packages come from is this machine's affair, and may hold a password. */
function withoutUrls(text: string): string {
  return text.replace(/https?:\/\/\S+/g, "<url>");
}
