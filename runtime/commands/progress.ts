import type { Clock } from "../std/clock.ts";
import { elapsed, grouped, paint } from "./text.ts";
import type { Terminal } from "./world.ts";

const BAR_CELLS = 24;
const REDRAW_MS = 100;
const LINE_MS = 5000;

/** How far something has come. */
export interface Step {
  readonly events: number;
  /** Bytes done. */
  readonly position: number;
}

/** Options of {@link Progress}. */
export interface ProgressOptions {
  readonly terminal: Terminal;
  readonly clock: Clock;
  /** Bytes in all; null when that is not known. */
  readonly totalBytes: number | null;
}

/** A bar that is drawn over on a terminal; elsewhere a line every five seconds. */
export class Progress {
  readonly #options: ProgressOptions;
  readonly #startMs: number;
  #drawnMs: number;
  #drawn = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#startMs = options.clock.now();
    this.#drawnMs = this.#startMs;
  }

  /** Tells where it stands; draws at most ten times a second. */
  show(step: Step): void {
    const { terminal, clock } = this.#options;
    const now = clock.now();
    if (now - this.#drawnMs < (terminal.tty ? REDRAW_MS : LINE_MS)) return;
    this.#drawnMs = now;
    const text = this.#text(step, now - this.#startMs);
    terminal.write(terminal.tty ? `\r\x1b[2K${text}` : `${text}\n`);
    this.#drawn = true;
  }

  /** Makes room for other lines: wipes the bar. */
  clear(): void {
    const { terminal } = this.#options;
    if (this.#drawn && terminal.tty) terminal.write("\r\x1b[2K");
    this.#drawn = false;
  }

  #text({ events, position }: Step, spentMs: number): string {
    const { terminal, totalBytes } = this.#options;
    const perSecond = spentMs > 0 ? events * 1000 / spentMs : 0;
    const parts = [`${grouped(events)} events`, `${grouped(perSecond)}/s`];
    if (totalBytes === null) return `  ${parts.join("  ")}`;
    const share = totalBytes > 0 ? Math.min(1, position / totalBytes) : 1;
    if (share > 0) parts.push(`${elapsed(spentMs * (1 - share) / share)} left`);
    const percent = `${Math.floor(share * 100)}%`.padStart(4);
    if (!terminal.tty) return `  ${percent}  ${parts.join("  ")}`;
    const full = Math.round(share * BAR_CELLS);
    const bar = paint(terminal, "cyan", "█".repeat(full)) + "░".repeat(BAR_CELLS - full);
    return `  ${bar} ${percent}  ${parts.join("  ")}`;
  }
}
