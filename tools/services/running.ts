/** Starting, finding and stopping the servers of one run folder. */
import { spawn } from "node:child_process";
import { openSync } from "node:fs";
import { join } from "node:path";
import {
  type Endpoint,
  exists,
  type Launch,
  requirePrograms,
  type Service,
  ServiceError,
} from "./service.ts";

/** How long a server is given to answer after its start, and to end after it was told. */
const START_MS = 60_000, STOP_MS = 20_000;
const LOOK_MS = 100;

/** Where downloads and builds are kept, and where servers have their data, logs and state. */
export interface Folders {
  readonly cache: string;
  readonly run: string;
}

interface State {
  readonly pid: number;
  /** With the process's number it tells one process from every other. */
  readonly startTicks: string;
  readonly at: Endpoint;
}

/** One service of one run folder. */
export class RunningService {
  readonly service: Service;
  readonly #folders: Folders;
  readonly #statePath: string;

  constructor(service: Service, folders: Folders) {
    this.service = service;
    this.#folders = folders;
    this.#statePath = join(folders.run, `${service.name}.json`);
  }

  /** Where it writes what it does. */
  get logPath(): string {
    return join(this.#folders.run, `${this.service.name}.log`);
  }

  /** Where it is reached, or null while it does not run. */
  async endpoint(): Promise<Endpoint | null> {
    const state = await this.#state();
    return state !== null && await startTicks(state.pid) === state.startTicks ? state.at : null;
  }

  /**
   * Downloads and builds what was not before.
   *
   * @throws ServiceError when a program for that is missing.
   */
  async install(): Promise<void> {
    await requirePrograms(this.service.title, this.service.needs);
    await this.service.install(this.#folders.cache);
  }

  /**
   * Starts it, unless it runs.
   *
   * @param port 0 takes that of the last start, or a free one.
   * @returns whether it was started now.
   * @throws ServiceError when a program is missing or it does not answer in time.
   */
  async start(port: number): Promise<boolean> {
    if (await this.endpoint() !== null) return false;
    const { service } = this;
    await this.install();
    await Deno.mkdir(this.#folders.run, { recursive: true, mode: 0o700 });
    const at = await this.#newEndpoint(port);
    const data = join(this.#folders.run, `${service.name}-data`);
    const pid = spawnDetached(await service.launch(this.#folders.cache, data, at), this.logPath);
    await this.#remember({ pid, startTicks: await startTicks(pid) ?? "", at });
    await this.#untilReady(at);
    await service.started?.(at);
    return true;
  }

  /** Stops it. @returns whether it ran. */
  async stop(): Promise<boolean> {
    const state = await this.#state();
    if (state === null || await this.endpoint() === null) return false;
    Deno.kill(state.pid, "SIGTERM");
    const ended = await until(STOP_MS, async () => await this.endpoint() === null);
    if (!ended) Deno.kill(state.pid, "SIGKILL");
    return true;
  }

  async #untilReady(at: Endpoint): Promise<void> {
    let running = true;
    const ready = await until(START_MS, async () => {
      running = await this.endpoint() !== null;
      return !running || await this.service.isReady(at).catch(() => false);
    });
    if (ready && running) return;
    await this.stop();
    const log = await Deno.readTextFile(this.logPath).catch(() => "");
    const what = running ? `does not answer after ${START_MS / 1000} s` : "ended";
    throw new ServiceError(
      `${this.service.title} ${what}; the end of ${this.logPath}:\n${log.slice(-2000)}`,
    );
  }

  /** The last start's, as far as ports are still free; passwords are made once. */
  async #newEndpoint(port: number): Promise<Endpoint> {
    const { innerPortCount, hasPassword } = this.service;
    const last = (await this.#state())?.at;
    const lastPort = last !== undefined && isFree(last.port) ? last.port : freePort();
    return {
      port: port || lastPort,
      innerPorts: Array.from({ length: innerPortCount }, () => freePort()),
      user: last?.user ?? (hasPassword ? "twofold" : ""),
      password: last?.password ?? (hasPassword ? crypto.randomUUID() : ""),
    };
  }

  async #state(): Promise<State | null> {
    if (!await exists(this.#statePath)) return null;
    return JSON.parse(await Deno.readTextFile(this.#statePath));
  }

  async #remember(state: State): Promise<void> {
    await Deno.writeTextFile(this.#statePath, JSON.stringify(state), { mode: 0o600 });
  }
}

/** A process that outlives this one. */
function spawnDetached({ program, args, env }: Launch, logPath: string): number {
  const log = openSync(logPath, "a", 0o600);
  const child = spawn(program, args, {
    detached: true,
    stdio: ["ignore", log, log],
    env: { ...Deno.env.toObject(), ...env },
  });
  child.unref();
  if (child.pid === undefined) throw new ServiceError(`Cannot start ${program}`);
  return child.pid;
}

/** When a process began, in ticks since the machine's start; null where there is no such process. */
async function startTicks(pid: number): Promise<string | null> {
  try {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? null : fields[19];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

async function until(limitMs: number, holds: () => Promise<boolean>): Promise<boolean> {
  const endMs = Date.now() + limitMs;
  while (Date.now() < endMs) {
    if (await holds()) return true;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return false;
}

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch {
    return false;
  }
}
