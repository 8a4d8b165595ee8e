/** What the benches have in common: rounds, processor time, and lines of figures. */
import { loadavg } from "node:os";
import process from "node:process";

/** Whether the run is to be a short one: `--quick`. */
export const quick = Deno.args.includes("--quick");

/** What a piece of work took. */
export interface Spent {
  readonly seconds: number;
  /** Processor seconds of this process, all threads. */
  readonly cpuSeconds: number;
}

/** Runs a piece of work and tells what it took. */
export async function spent(action: () => unknown): Promise<Spent> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await action();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { seconds, cpuSeconds: (user + system) / 1e6 };
}

/** The round in the middle, by seconds. */
export function medianOf(rounds: readonly Spent[]): Spent {
  return rounds.toSorted((a, b) => a.seconds - b.seconds)[rounds.length >> 1];
}

/** The value below which a share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** Prints the name of a bench and how busy the machine is. */
export function title(text: string): void {
  const cores = navigator.hardwareConcurrency;
  console.log(`\n${text}  (load ${loadavg()[0].toFixed(1)} on ${cores} cores)`);
}

/** Prints one line: what, the figures, and how they compare. */
export function line(what: string, ...figures: readonly string[]): void {
  console.log(`  ${what.padEnd(34)}${figures.map((figure) => figure.padStart(20)).join("")}`);
}

/** Events per second, in words. */
export function perSecond(events: number, seconds: number): string {
  return `${Math.round(events / seconds).toLocaleString("en")} /s`;
}

/** Resident memory of a process, in bytes; this one's by default. */
export function residentBytes(pid: number | "self" = "self"): number {
  const pages = Number(Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ")[1]);
  return pages * 4096;
}
