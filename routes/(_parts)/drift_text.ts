/** Drift as text. */
import type { PluginStatus } from "../../runtime/ports/services.ts";
import { exactFigure, instantText } from "./figures.ts";

/** The drift of a metric, or why there is none to tell. */
export function driftText(state: PluginStatus | null): string {
  const unknown = state?.not_compared ?? null;
  if (unknown === null || state?.drift !== null) return exactFigure(state?.drift);
  const since = unknown.since === null ? "" : ` (since ${instantText(unknown.since)})`;
  return `not compared: ${unknown.message}${since}`;
}
