import { expect } from "testing";
import type { RunningEngine } from "./running_engine.ts";

const LIMIT = 10_000;

/** All that a layer answers for every movie metric, by hour and for all time. */
export async function answersOf(
  engine: RunningEngine,
  layer: "merged" | "batch" | "speed",
): Promise<Record<string, unknown>> {
  const answers: Record<string, unknown> = {};
  for (const { name, keys: [{ name: key }] } of engine.engine.serving.metrics()) {
    for (const bucket of ["hour", "day", "all"]) {
      const rowsBy = async (order: string) =>
        (await engine.metric(name, { layer, bucket, order, limit: LIMIT })).rows;
      const rows = await rowsBy(key);
      // More rows than one answer gives are read from the other end, too.
      const others = rows.length < LIMIT ? [] : await rowsBy(`-${key}`);
      answers[`${name} by ${bucket}`] = [rows, others];
    }
  }
  return answers;
}

/** Events that a layer has counted. */
export async function eventsIn(
  engine: RunningEngine,
  layer: "merged" | "batch" | "speed",
): Promise<number> {
  const { rows } = await engine.metric("hourly_stats", { layer, bucket: "all" });
  return rows.reduce((sum, row) => sum + Number(row.event_count), 0);
}

/** Says that speed, merged and batch give the same rows for every metric. */
export async function expectParity(engine: RunningEngine): Promise<void> {
  const merged = await answersOf(engine, "merged");
  expect(await answersOf(engine, "speed")).toEqual(merged);
  expect(await answersOf(engine, "batch")).toEqual(merged);
}
