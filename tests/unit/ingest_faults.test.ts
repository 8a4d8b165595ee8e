import { describe, expect, it, vi } from "testing";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import { createIngest } from "../../runtime/engine/ingest.ts";
import { ExternalError, TooLargeError } from "../../runtime/std/errors.ts";
import { readAll } from "../support/log_reading.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { bytesOf, event, streamOf, take } from "../support/ingesting.ts";

describe("an ingest of much", () => {
  it("tells the first hundred faults, counts all, and keeps every one of them", async () => {
    const lines = Array.from(
      { length: 20_000 },
      (_, i) => i % 4 === 3 ? `{"bad":${i}` : JSON.stringify(event(`e${i}`)),
    );
    const { answer, values } = await take("ndjson", lines.join("\n"));
    expect([answer!.accepted, answer!.rejected_total]).toEqual([15_000, 5000]);
    expect(answer!.rejected.map(({ line }) => line))
      .toEqual(Array.from({ length: 100 }, (_, i) => 4 + 4 * i));
    const bad = lines.filter((line) => line.startsWith('{"bad"'));
    expect(values.filter((value) => value.startsWith('{"bad"'))).toEqual(bad);
  });

  it("keeps the beginning of a line over 1 MiB, which is never an event", async () => {
    const whole = JSON.stringify(event("a"));
    const long = whole + " ".repeat(2_000_000);
    const { answer, values } = await take("ndjson", `${long}\n${JSON.stringify(event("b"))}\n`);
    expect(answer).toMatchObject({ accepted: 1, rejected_total: 1 });
    expect(answer!.rejected[0]).toEqual({
      line: 1,
      field: "",
      reason: `expected at most 1 MiB, got ${long.length} bytes; its first 65536 are kept`,
    });
    expect(values).toHaveLength(2);
    expect(values[0].startsWith(whole)).toBe(true);
    expect(() => JSON.parse(values[0])).toThrow();
  });

  it("reads a body no faster than the log takes it", async () => {
    const log = new MemoryLog({ topic: movieViewing.topic, partitions: 1 });
    const gate = Promise.withResolvers<void>();
    const append = log.append.bind(log);
    let waiting = 0;
    log.append = async (records) => {
      waiting++;
      await gate.promise;
      return await append(records);
    };
    const line = JSON.stringify(event("a")) + "\n";
    const { stream, taken } = streamOf(bytesOf(line.repeat(200_000)), line.length * 1000);
    const answer = createIngest([{ schema: movieViewing, log }]).ingest(stream, "ndjson");
    // A stalled ingest takes nothing more, however long it is left alone.
    let before = -1;
    while (before !== taken.pieces || waiting === 0) {
      before = taken.pieces;
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    expect(waiting).toBeLessThanOrEqual(4);
    expect(taken.pieces).toBeLessThan(60);
    gate.resolve();
    expect((await answer).accepted).toBe(200_000);
  });
});

describe("an ingest that fails on its way", () => {
  const BATCH = 100, BATCHES = 6;
  const lines = Array.from(
    { length: BATCH * BATCHES },
    (_, i) => JSON.stringify(event(`e${1000 + i}`)) + "\n",
  );
  /** The body in pieces of whole lines: each is one batch. */
  const pieces = () => streamOf(bytesOf(lines.join("")), BATCH * lines[0].length).stream;

  /** An ingest into a log that appends when a test opens the append's gate. */
  function gated() {
    const log = new MemoryLog({ topic: movieViewing.topic, partitions: 1 });
    const append = log.append.bind(log);
    const gates: PromiseWithResolvers<void>[] = [];
    log.append = async (records) => {
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      await gate.promise;
      return await append(records);
    };
    return { log, gates, ...createIngest([{ schema: movieViewing, log }]) };
  }

  /** The batches of the events in the log. */
  async function stored(log: MemoryLog): Promise<number[]> {
    const ids = (await readAll(log, 0)).map(({ value }) => JSON.parse(value).event_id.slice(1));
    return [...new Set(ids.map((id) => Math.floor((id - 1000) / BATCH)))];
  }

  const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
  async function gatesAre(gates: readonly unknown[], count: number) {
    while (gates.length < count) await turn();
    for (let turns = 0; turns < 20; turns++) await turn();
    expect(gates).toHaveLength(count);
  }

  it("answers with the log's fault, but only once no append is under way", async () => {
    const { log, gates, ingest } = gated();
    const answered = vi.fn();
    const answer = ingest(pieces(), "ndjson").catch((error) => error);
    answer.then(answered);
    await gatesAre(gates, 4);
    const fault = new ExternalError("disk full");
    gates[1].reject(fault);
    gates[0].resolve();
    await gatesAre(gates, 5); // the sixth batch would take the place of the refused one
    gates[4].resolve();
    gates[3].resolve();
    await gatesAre(gates, 5);
    expect(answered).not.toHaveBeenCalled();
    gates[2].resolve();
    expect(await answer).toBe(fault);
    expect((await stored(log)).sort()).toEqual([0, 2, 3, 4]);
  });

  it("tells the fault of an append that was the last", async () => {
    const { log, ingest } = gated();
    log.append = () => Promise.reject(new ExternalError("disk full"));
    await expect(ingest(streamOf(bytesOf(lines[0])).stream, "ndjson")).rejects
      .toThrow("disk full");
  });

  it("answers with the body's fault, but only once no append is under way", async () => {
    const { log, gates, ingest } = gated();
    const answered = vi.fn();
    const options = { maxBytes: 2.5 * BATCH * lines[0].length };
    const answer = ingest(pieces(), "ndjson", undefined, options).catch((error) => error);
    answer.then(answered);
    await gatesAre(gates, 2);
    expect(answered).not.toHaveBeenCalled();
    for (const gate of gates) gate.resolve();
    expect(await answer).toBeInstanceOf(TooLargeError);
    expect(await stored(log)).toEqual([0, 1]);
  });

  it("holds everything once all was sent again", async () => {
    const log = new MemoryLog({ topic: movieViewing.topic, partitions: 1 });
    const { ingest } = createIngest([{ schema: movieViewing, log }]);
    log.failingAppends = 1;
    await expect(ingest(pieces(), "ndjson")).rejects.toMatchObject({ retriable: true });
    expect(await stored(log)).not.toContain(0);
    expect((await ingest(pieces(), "ndjson")).accepted).toBe(lines.length);
    expect((await stored(log)).sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });
});
