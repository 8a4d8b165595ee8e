/** How commands write numbers, tables and colours. */
import type { NotCompared } from "../ports/services.ts";
import type { Terminal } from "./world.ts";

const COLOURS = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** Colours a text where the terminal has colours. */
export function paint(terminal: Terminal, colour: keyof typeof COLOURS, text: string): string {
  return terminal.colours ? `\x1b[${COLOURS[colour]}m${text}\x1b[0m` : text;
}

/** A whole number with commas: `1,048,576`. */
export function grouped(value: number | bigint | string): string {
  const whole = typeof value === "number" ? String(Math.round(value)) : String(value);
  return whole.replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A figure with all its digits: what is not 0 never reads 0. */
export function exact(value: number | null): string {
  if (value === null) return "–";
  return Number.isInteger(value) ? grouped(value) : String(value);
}

/** A drift, or why there is none. */
export function driftText(drift: number | null, unknown: NotCompared | null): string {
  return drift === null && unknown !== null ? unknown.reason.replaceAll("_", " ") : exact(drift);
}

/** How long something takes: `0.4 s`, `12 s`, `3:05`, `2:03:05`. */
export function elapsed(ms: number): string {
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  const rest = two(seconds % 60);
  return hours === 0 ? `${minutes}:${rest}` : `${hours}:${two(minutes)}:${rest}`;
}

/** `1 event`, `2 events`. */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Choices in words: `a, b or c`. */
export function oneOf(choices: readonly string[]): string {
  const last = choices.length - 1;
  return last < 1 ? choices.join("") : `${choices.slice(0, last).join(", ")} or ${choices[last]}`;
}
