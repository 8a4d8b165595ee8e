import { afterAll, beforeAll, describe, expect, it } from "testing";
import type { IngestAnswer } from "../../runtime/ports/services.ts";
import { eventually } from "../support/eventually.ts";
import { plain } from "../support/log_reading.ts";
import { eventsIn } from "../support/parity_of_layers.ts";
import { RunningEngine } from "../support/running_engine.ts";

const LINES = 1_000_000;
const BAD_LINE = Math.floor(LINES * 0.567891);
const BAD = '{"event_id":"broken","user_id":-7,"movie_id":';
const LINES_PER_PIECE = 5000;
const FIRST_MS = Date.parse("2026-06-01T00:00:00Z");
const WAIT_MS = 120_000;

/** {@link LINES} lines, one of them broken off. */
function* pieces(): Generator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  for (let line = 1; line <= LINES;) {
    let text = "";
    for (const end = line + LINES_PER_PIECE; line < end && line <= LINES; line++) {
      text += line === BAD_LINE
        ? `${BAD}\n`
        : `{"event_id":"m-${line}","user_id":${line % 977},"movie_id":${line % 101},` +
          `"event_type":"view","timestamp":"${
            new Date(FIRST_MS + line * 20).toISOString()
          }","duration":null,"rating":null}\n`;
    }
    yield encoder.encode(text);
  }
}

describe(`a malformed line among ${LINES}`, () => {
  let dir: string;
  let engine: RunningEngine;
  beforeAll(async () => {
    dir = await Deno.makeTempDir({ prefix: "twofold-million-" });
    engine = await RunningEngine.open({ dir });
  });
  afterAll(async () => {
    await engine?.close();
    if (dir) await Deno.remove(dir, { recursive: true });
  });

  it("is told with its line, is alone in the dead letter, and the others are counted", async () => {
    const response = await fetch(new URL("/api/v1/events", engine.url), {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
      // With its length: a body of this size has to say it.
      body: new Blob([...pieces()]),
    });
    const answer: IngestAnswer = await response.json();
    expect(response.status).toBe(200);
    expect([answer.accepted, answer.rejected_total]).toEqual([LINES - 1, 1]);
    expect(answer.rejected.map(({ line }) => line)).toEqual([BAD_LINE]);

    await eventually(
      "all of it counted",
      () => eventsIn(engine, "merged"),
      (events) => events === LINES - 1,
      { deadlineMs: WAIT_MS, pauseMs: 100 },
    );
    const letters = await eventually(
      "the dead letter",
      () =>
        engine.sql<Record<string, unknown>>(
          "SELECT topic, log, partition, offset, reason, value FROM dead_letters FINAL",
        ),
      (rows) => rows.length > 0,
    );
    const [log] = engine.engine.logs.values();
    expect(letters.length).toBe(1);
    const { partition, offset, reason, ...rest } = letters[0];
    expect(rest).toEqual({ topic: log.topic, log: log.id, value: BAD });
    expect(reason).toBe(answer.rejected[0].reason);
    const chunk = await log.read(Number(partition), BigInt(offset as number), { maxRecords: 1 });
    expect(plain(chunk)[0].value).toBe(BAD);

    const { topics: [{ partitions }] } = await engine.status();
    expect(partitions.reduce((sum, of) => sum + of.dead_letters, 0)).toBe(1);
    expect(partitions.reduce((sum, of) => sum + of.events, 0)).toBe(LINES - 1);
    expect(engine.faults).toEqual([]);
  });
});
