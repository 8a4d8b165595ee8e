import { expect } from "testing";
import type { RunningEngine } from "./running_engine.ts";

const LIMIT = 10_000;

/** All that a layer answers for every movie metric, by hour and for all time. */
export async function answersOf(
  engine: RunningEngine,
  layer: "merged" | "batch" | "speed",
): Promise<Record<string, unknown>> {
  const answers: Record<string, unknown> = {};
  for (const { name } of engine.engine.serving.metrics()) {
    for (const bucket of ["hour", "day", "all"]) {
      const ends = [];
      for (const order of ["", "-"]) {
        const [{ name: key }] = engine.engine.serving.metrics()
          .find((metric) => metric.name === name)!.keys;
        const params = { layer, bucket, order: order + key, limit: LIMIT };
        ends.push((await engine.metric(name, params)).rows);
      }
      answers[`${name} by ${bucket}`] = ends;
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
