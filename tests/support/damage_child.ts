/**
 * A process over a data folder: one engine opens one folder. `make DIR` fills it; `look DIR` verifies
 * it and asks it, and writes both as JSON.
 */
import { database } from "./database.ts";
import { readConfig } from "../../runtime/settings/config.ts";
import { type Engine, openEngine } from "../../runtime/engine/engine.ts";
import { eventually } from "./eventually.ts";
import { movieEvents } from "./movie_events.ts";
import { projectRoot } from "./test_engine.ts";

const METRICS = ["popular_movies", "ratings", "user_stats", "hourly_stats"];

const [what, dir] = Deno.args;
const config = readConfig({
  database,
  command: "start",
  flags: { data: dir, "block-span": "1s", "batch-schedule": "0 0 29 2 *", "scrub-rate": "0B" },
  env: {},
});
const open = () => openEngine(config, { root: projectRoot, version: "test" });
if (what === "make") await make(await open());
else {
  const found = await look().catch((error) => ({ refused: String(error.message), report: null }));
  console.log(JSON.stringify(found));
}

async function make(engine: Engine): Promise<void> {
  engine.start();
  const [topic] = engine.batch.keys();
  const events = movieEvents({ seed: 1, firstUser: 1, aroundMs: Date.UTC(2013, 6, 20) });
  const send = async (count: number) => {
    const lines = Array.from(
      { length: count },
      (_, i) => `${i % 20 === 7 ? "no event" : JSON.stringify(events.next().value)}\n`,
    );
    const body = ReadableStream.from([new TextEncoder().encode(lines.join(""))]);
    await engine.ingest.ingest(body, "ndjson", topic);
  };
  for (const full of [true, false]) {
    await send(200);
    await eventually(
      "all blocks archived",
      () => engine.status(),
      ({ topics: [{ partitions }] }) =>
        partitions.every((of) => of.archived === of.log_end && of.lag_records === 0),
      { deadlineMs: 60_000, pauseMs: 250 },
    );
    await engine.batch.get(topic)!.run({ full });
  }
  await send(50);
  await eventually(
    "all counted",
    () => engine.status(),
    ({ topics: [{ partitions }] }) => partitions.every((of) => of.lag_records === 0),
  );
  await engine.close();
}

async function look() {
  const engine = await open();
  try {
    const report = await engine.verification.verify();
    const answers: unknown[] = [];
    for (const metric of METRICS) {
      for (const layer of ["merged", "batch"] as const) {
        const query = { layer, limit: "10000", keys: {} };
        const answer = await engine.serving.query(metric, query).catch((error) => error);
        answers.push(
          answer instanceof Error ? "refused" : { rows: answer.rows, frontier: answer.frontier },
        );
      }
    }
    const letters = await engine.deadLetters.list({ limit: "1000" });
    answers.push({ rows: letters.items, frontier: "" });
    const { topics: [{ partitions }] } = await engine.status();
    answers.push({
      rows: partitions.map((of) => [of.events, of.repeats, of.late_events, of.dead_letters]),
      frontier: "",
    });
    const parts = await engine.warehouse.query(
      "SELECT table, path FROM system.parts WHERE database = currentDatabase() AND active",
    );
    return { refused: null, report, answers, parts };
  } finally {
    await engine.close().catch(() => {});
  }
}
