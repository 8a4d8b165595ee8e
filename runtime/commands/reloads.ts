/** Plugins that a process loads again while it runs, and what its log says of that. */
import type { PluginFolder } from "../engine/plugin_folders.ts";
import type { Log } from "./log_lines.ts";
import { reloadLines } from "./plugins_changing.ts";
import type { RunningEngine, World } from "./world.ts";

/** Most files that a line about a reload names. */
const SHOWN_REASONS = 3;

/** Loads the plugins again whenever that is asked for. */
export class Reloads {
  readonly #world: Pick<World, "reloadRequests" | "stop">;
  readonly #log: Log;
  /** The problems that were logged since a reload began; null while none is under way. */
  #logged: string[] | null = null;

  constructor(world: Pick<World, "reloadRequests" | "stop">, log: Log) {
    this.#world = world;
    this.#log = log;
  }

  /** Remembers a logged problem, so that a reload does not log it again. */
  problem(message: string): void {
    this.#logged?.push(message);
  }

  /**
   * Reloads at each request until the process stops. What fails is logged, and the next one tries.
   *
   * @param watched the folders whose changes are requests.
   */
  async run(engine: RunningEngine, watched: readonly PluginFolder[]): Promise<void> {
    const { reloadRequests, stop } = this.#world;
    try {
      for await (const reasons of reloadRequests(watched, stop)) {
        await this.#reload(engine, reasons);
      }
    } catch (error) {
      this.#log("warn", "Cannot follow the files of plugins: use `twofold plugins reload`", error);
    }
  }

  async #reload(engine: RunningEngine, reasons: readonly string[]): Promise<void> {
    const shown = reasons.slice(0, SHOWN_REASONS).join(", ");
    const more = reasons.length - SHOWN_REASONS;
    const reason = more > 0 ? `${shown} and ${more} more` : shown;
    const logged = this.#logged = [];
    try {
      const answer = await engine.reloadPlugins();
      const refusals = [...answer.refused, ...answer.refused_files]
        .map(({ faults }) => faults.join("; "));
      for (const line of reloadLines(answer)) {
        const refusal = refusals.find((words) => line.includes(words));
        if (refusal === undefined) this.#log("info", `${reason}: ${line}`);
        else if (!logged.some((message: string) => message.includes(refusal))) {
          this.#log("warn", `${reason}: ${line}`);
        }
      }
    } catch (error) {
      this.#log("warn", `${reason}: the plugins could not be loaded again`, error);
    } finally {
      this.#logged = null;
    }
  }
}
