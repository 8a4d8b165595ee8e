/** The whole process, started from outside, with what is measured on it. */
import { join } from "node:path";
import type { Status } from "../runtime/ports/services.ts";
import { root } from "./made_log.ts";

const NDJSON = { "content-type": "application/x-ndjson" };

/** `main.ts start` on a folder of its own. */
export interface StartedProcess {
  readonly child: Deno.ChildProcess;
  readonly url: string;
  readonly readySeconds: number;
}

export const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
export const secondsSince = (ms: number) => (performance.now() - ms) / 1000;
export const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;

/** Starts a process and waits until it says that it is ready. */
export async function startProcess(data: string, ...args: string[]): Promise<StartedProcess> {
  const sinceMs = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      // As the task `start` has it.
      "--v8-flags=--max-semi-space-size=8",
      join(root, "main.ts"),
      "start",
      "--data",
      data,
      "--port",
      "0",
      ...args,
    ],
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  let ended = false;
  void child.status.then(() => ended = true);
  for (;;) {
    await sleep(20);
    if (ended) throw new Error("Cannot measure: the process ended before it was ready");
    try {
      const { pid, url } = JSON.parse(await Deno.readTextFile(join(data, "owner.json")));
      if (pid !== child.pid || !(await fetch(`${url}/readyz`)).ok) continue;
      return { child, url, readySeconds: secondsSince(sinceMs) };
    } catch {
      // Not yet.
    }
  }
}

/** Ends it and waits for that. */
export async function stopProcess({ child }: StartedProcess): Promise<void> {
  child.kill("SIGTERM");
  await child.status;
}

export async function statusOf(url: string): Promise<Status> {
  return await (await fetch(`${url}/api/v1/status`)).json();
}

/** Sends NDJSON; how many events were accepted, and the frontier behind them. */
export async function send(url: string, body: Uint8Array<ArrayBuffer>) {
  const response = await fetch(`${url}/api/v1/events`, { method: "POST", headers: NDJSON, body });
  return await response.json() as { accepted: number; frontier: string };
}

/** Waits until the speed layer has read all that the log has. */
export async function untilRead(url: string): Promise<void> {
  for (;;) {
    const { partitions } = (await statusOf(url)).topics[0];
    if (partitions.every(({ lag_records }) => lag_records === 0)) return;
    await sleep(100);
  }
}

/** Waits until no more than open blocks are left to archive. */
export async function untilArchived(url: string): Promise<void> {
  for (;;) {
    const { partitions } = (await statusOf(url)).topics[0];
    const open = partitions.map((p) => Number(p.log_end) - Number(p.archived));
    if (open.every((records) => records < 65_536)) return;
    await sleep(100);
  }
}

/** The most memory that a process had resident. */
export function peakBytes(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmHWM:\s+(\d+)/.exec(text)![1]) * 1024;
}

/** Memory of a process that no file backs, in bytes. */
export function anonymousBytes(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/RssAnon:\s+(\d+)/.exec(text)![1]) * 1024;
}

/** Processor seconds that a process has used. */
export function processorSeconds(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Waits until a process has settled: until it uses a tenth of a core; three minutes at most. */
export async function untilSettled(pid: number): Promise<void> {
  for (let looks = 0; looks < 60; looks++) {
    const before = processorSeconds(pid);
    await sleep(3000);
    if (processorSeconds(pid) - before < 0.3) return;
  }
}
