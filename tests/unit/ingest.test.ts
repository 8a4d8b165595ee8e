import { gunzipSync, gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, fc, it, vi } from "testing";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import { createIngest } from "../../runtime/engine/ingest.ts";
import { ExternalError, TooLargeError, UserError } from "../../runtime/std/errors.ts";
import type { EventFormat, IngestOptions } from "../../runtime/ports/services.ts";
import { readAll } from "../support/log_reading.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { ratingsFile } from "../support/movietweetings.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** A stream in pieces that tells how many were taken. */
function streamOf(bytes: Uint8Array, sizeBytes = 65536) {
  const taken = { pieces: 0 };
  let at = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      taken.pieces++;
      controller.enqueue(bytes.slice(at, at += sizeBytes));
    },
  }, { highWaterMark: 0 });
  return { stream, taken };
}

async function take(
  format: EventFormat,
  body: string | Uint8Array,
  { sizeBytes, ...options }: IngestOptions & { sizeBytes?: number } = {},
) {
  const log = new MemoryLog({ topic: movieViewing.topic, partitions: 1 });
  const ingest = createIngest([{ schema: movieViewing, log }]);
  const bytes = typeof body === "string" ? bytesOf(body) : body;
  const answer = ingest.ingest(streamOf(bytes, sizeBytes).stream, format, undefined, options);
  const settled = await answer.then((answer) => ({ answer, error: null }), (error) => ({
    answer: null,
    error: error as unknown,
  }));
  const values = (await readAll(log, 0)).map(({ value }) => value);
  return { ...settled, values, events: () => values.map((value) => JSON.parse(value)) };
}

const HEADER = "timestamp,event_id,user_id,movie_id,event_type,duration,rating,device";
const event = (id: string, more: object = {}) => ({
  ...{ timestamp: "2026-01-01T00:00:00Z", event_id: id, user_id: 1, movie_id: 2 },
  ...{ event_type: "view", ...more },
});

describe("an ingest of CSV", () => {
  it("takes columns in any order, empty cells as absent and other columns as they are", async () => {
    const { answer, events } = await take(
      "csv",
      `\ufeff${HEADER}\r\n` +
        '2026-01-01T00:00:00Z,a,1,0002,view,,,"a ""smart"" TV,\r\nbig\\one"\r\n\r\n' +
        "2026-01-01T00:00:00Z,007,1,2,rating,,8.50,\n" +
        '"2026-01-01T00:00:00Z","c",1,2,"pause",1.5,,x',
    );
    expect(answer).toMatchObject({ accepted: 3, rejected_total: 0 });
    expect(events()).toEqual([
      event("a", { device: 'a "smart" TV,\r\nbig\\one' }),
      event("007", { event_type: "rating", rating: 8.5 }),
      event("c", { event_type: "pause", duration: 1.5, device: "x" }),
    ]);
  });

  it("tells each bad row by the line on which it starts, and keeps it as it came", async () => {
    const rows = [
      'x,a,1,2,view,,,"two\nlines"', // a bad instant, lines 2 and 3
      "2026-01-01T00:00:00Z,b,1,2,view,,", // too few cells, line 4
      "2026-01-01T00:00:00Z,c,one,2,view,,,", // line 5
      '2026-01-01T00:00:00Z,d,1,2,view,,,"x"y', // line 6
      "2026-01-01T00:00:00Z,e,1,2,view,,,", // line 7
    ];
    const { answer, values } = await take("csv", [HEADER, ...rows].join("\n"));
    expect(answer!.accepted).toBe(1);
    expect(answer!.rejected.map(({ line, field, reason }) => `${line} ${field}: ${reason}`))
      .toEqual([
        '2 timestamp: timestamp must be an ISO 8601 instant from 1970 to 2105, got "x"',
        "4 : wanted 8 cells, got 7",
        '5 user_id: user_id must be a whole number, got "one"',
        '6 : wanted a comma behind the closing quote, got "2026-01-01T00:00:00Z,d,1,2,view,,,\\"x\\"y"',
      ]);
    expect(values).toHaveLength(5);
    expect(values[1]).toBe(rows[1]);
  });

  it("loses one row to a quote that is never closed, not the rest of the body", async () => {
    const row = (id: string) => `2026-01-01T00:00:00Z,${id},1,2,view,,,`;
    const count = 40_000;
    const rows = Array.from({ length: count }, (_, i) => row(`e${i}`) + (i === 100 ? '"' : ""));
    const { answer, values } = await take("csv", [HEADER, ...rows].join("\n"));
    expect(answer!.rejected.map(({ line }) => line)).toEqual([102]);
    expect(answer!.rejected[0].reason).toMatch(/^wanted at most 1 MiB, got 1048[56]\d\d bytes/);
    expect(values.filter((value) => value.startsWith(rows[100]))).toHaveLength(1);
    expect(values.at(-1)).toContain(`"event_id":"e${count - 1}"`);
  });

  it("refuses a header that lacks a field, or names one twice", async () => {
    const refused = async (header: string) => (await take("csv", `${header}\n1,2\n`)).error;
    expect(await refused("event_id,user_id")).toBeInstanceOf(UserError);
    expect(String(await refused("event_id,user_id"))).toContain(
      "wanted a header that names movie_id, event_type, timestamp",
    );
    expect(String(await refused(`${HEADER},rating`))).toContain('got "rating" twice');
    expect(String(await refused(`${HEADER},"`))).toContain("wanted a closing quote");
  });

  it("gives back any text of any cell, however the bytes come in pieces", async () => {
    const cell = fc.string({ minLength: 1, unit: "binary" }).filter((text) => text.isWellFormed());
    await fc.assert(
      fc.asyncProperty(
        fc.array(cell),
        fc.integer({ min: 1, max: 40 }),
        async (cells, sizeBytes) => {
          const rows = cells.map((text, i) =>
            `2026-01-01T00:00:00Z,e${i},1,2,view,,,"${text.replaceAll('"', '""')}"\n`
          );
          const { answer, events } = await take("csv", HEADER + "\n" + rows.join(""), {
            sizeBytes,
          });
          expect(answer!.accepted).toBe(cells.length);
          expect(events().map(({ device }) => device)).toEqual(cells);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("stays within its memory where long names of columns meet short rows", async () => {
    const header = `${HEADER},${"n".repeat(15_000)}`;
    const row = (i: number) => `2026-01-01T00:00:00Z,e${i},1,2,view,,,,x\n`;
    const rows = Array.from({ length: 1500 }, (_, i) => row(i)).join("");
    const { answer, values } = await take("csv", `${header}\n${rows}`, { sizeBytes: 2 ** 20 });
    expect(answer!.accepted).toBe(1500);
    expect(values[1499]).toContain('"event_id":"e1499"');
  });
});

describe("an ingest of ratings", () => {
  const shapes = [["movielens", "::"], ["movielens-tab", "\t"], ["movielens-csv", ","]] as const;
  for (const [format, between] of shapes) {
    const line = (...fields: (string | number)[]) => fields.join(between);

    it(`makes each line of ${format} a rating whose id is made of the line's fields`, async () => {
      const { events } = await take(format, `${line(12, "0816711", "8.5", 1381006850)}\r\n`);
      expect(events()).toEqual([{
        event_id: "ml-12-816711-1381006850-8.5",
        user_id: 12,
        movie_id: 816711,
        event_type: "rating",
        timestamp: "2013-10-05T21:00:50Z",
        duration: null,
        rating: 8.5,
      }]);
    });

    it(`tells a bad line of ${format} with its number and what was wanted, and goes on`, async () => {
      const lines = [
        line(1, 2, 3, 4),
        line(1, 2, "x", 4),
        line(1, 4294967296, 3, 4),
        line(1, 2, 11, 4),
        line(1, 2, 3),
        "",
        line(1, 2, 3, 4, 5),
        line(1, 2, "3.", 4),
        line(1, 2, 3, 99999999999),
        line(-1, 2, 3, 4),
        line(2, 2, 3, 4),
      ];
      const { answer, values } = await take(format, lines.join("\n"));
      expect(answer!.accepted).toBe(2);
      expect(answer!.rejected.map(({ line, field }) => `${line} ${field}`)).toEqual([
        "2 rating",
        "3 movie",
        "4 rating",
        "5 rating",
        "7 seconds",
        "8 rating",
        "9 seconds",
        "10 user",
      ]);
      expect(answer!.rejected[2].reason).toBe(
        `wanted a rating of 0 to 10, got ${JSON.stringify(lines[3])}`,
      );
      // Each is in the log, as it came: the dead letters hold them all.
      for (const { line } of answer!.rejected) expect(values).toContain(lines[line - 1]);
    });
  }

  it("gives a rating one identity, in every spelling and shape", async () => {
    const spelled = async (...ratings: string[]) => {
      const lines = ratings.map((rating) => `1::2::${rating}::4`).join("\n");
      const { answer, events } = await take("movielens", lines);
      expect(answer).toMatchObject({ accepted: ratings.length, rejected_total: 0 });
      return new Set(events().map(({ event_id, rating }) => `${event_id} ${rating}`));
    };
    expect([...await spelled("4", "4.0", "04", "04.00")]).toEqual(["ml-1-2-4-4 4"]);
    expect([...await spelled("3.5", "3.50", "03.5")]).toEqual(["ml-1-2-4-3.5 3.5"]);
    expect([...await spelled("0", "0.0", "00")]).toEqual(["ml-1-2-4-0 0"]);
    expect([...await spelled("10", "010", "10.0")]).toEqual(["ml-1-2-4-10 10"]);
    expect((await spelled("0.5", "5", "0.05", "0.005")).size).toBe(4);
  });

  it("rounds a rating before its bound applies", async () => {
    const lines = ["10.004", "10.005", "10.00499999999999999999"].map((r) => `1::2::${r}::4`);
    const { answer } = await take("movielens", lines.join("\n"));
    expect(answer!.rejected.map(({ line }) => line)).toEqual([2]);
  });

  it("passes over the header of ratings.csv and nothing else", async () => {
    const text =
      "userId,movieId,rating,timestamp\r\n1,2,3.0,4\r\nuserId,movieId,rating,timestamp\n";
    const { answer } = await take("movielens-csv", text);
    expect([answer!.accepted, answer!.rejected.map(({ line }) => line)]).toEqual([1, [3]]);
  });

  it("reads the 100,000 ratings of MovieTweetings", async () => {
    const { answer, events } = await take("movielens", await Deno.readFile(ratingsFile));
    expect(answer).toMatchObject({ accepted: 100_000, rejected_total: 0 });
    expect(new Set(events().map(({ event_id }) => event_id)).size).toBe(100_000);
  });
});

describe("an ingest of a body that begins with a byte order mark", () => {
  const viewing = JSON.stringify(event("a"));
  const bodies: [EventFormat, string][] = [
    ["ndjson", `${viewing}\n`],
    ["json-array", `[${viewing}]`],
    ["csv", `${HEADER}\n2026-01-01T00:00:00Z,a,1,2,view,,,\n`],
    ["movielens", "1::2::8::1381006850\n"],
    ["movielens-tab", "1\t2\t8\t1381006850\n"],
    ["movielens-csv", "userId,movieId,rating,timestamp\n1,2,8,1381006850\n"],
  ];
  const packings = [
    [null, (bytes: Uint8Array) => bytes],
    ["gzip", (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes))],
    ["zstd", (bytes: Uint8Array) => new Uint8Array(zstdCompressSync(bytes))],
  ] as const;

  for (const [format, body] of bodies) {
    it(`takes it off ${format}, whatever the compression and the pieces`, async () => {
      const { values: without } = await take(format, body);
      for (const [encoding, packed] of packings) {
        for (const sizeBytes of [1, 65536]) {
          const marked = packed(bytesOf(`\ufeff${body}`));
          const options = { encoding: encoding ?? undefined, sizeBytes };
          const { answer, values } = await take(format, marked, options);
          expect(answer).toMatchObject({ accepted: 1, rejected_total: 0 });
          expect(values).toEqual(without);
        }
      }
    });
  }

  it("keeps a body that only begins like one as it came", async () => {
    for (const sizeBytes of [1, 65536]) {
      const { answer, values } = await take("ndjson", new Uint8Array([0xef, 0xbb]), { sizeBytes });
      expect(answer).toMatchObject({ accepted: 0, rejected_total: 1 });
      expect(values).toHaveLength(1);
    }
  });
});

describe("an ingest of compressed events", () => {
  const lines = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => JSON.stringify(event(`e${from + i}`)) + "\n")
      .join("");
  const gz = (text: string) => new Uint8Array(gzipSync(text));
  const zst = (text: string) => new Uint8Array(zstdCompressSync(text));
  const together = (...parts: Uint8Array[]) => new Uint8Array(parts.flatMap((part) => [...part]));

  for (const [encoding, packed] of [["gzip", gz], ["zstd", zst]] as const) {
    it(`reads all members of ${encoding}, whatever the pieces`, async () => {
      const body = together(packed(lines(0, 3000)), packed(""), packed(lines(3000, 5000)));
      for (const sizeBytes of [7, 65536]) {
        const { answer, events } = await take("ndjson", body, { encoding, sizeBytes });
        expect(answer).toMatchObject({ accepted: 5000, rejected_total: 0 });
        expect(events().at(-1)).toEqual(event("e4999"));
      }
    });

    it(`tells how far ${encoding} that ends early could be read; that much is taken`, async () => {
      const whole = packed(lines(0, 40_000));
      const { error, values } = await take("ndjson", whole.subarray(0, whole.length - 9), {
        encoding,
      });
      expect(error).toBeInstanceOf(UserError);
      const told = /the data end early, in the \w+ data about byte (\d+).* in line (\d+)$/;
      const [, byte, line] = told.exec((error as UserError).message)!;
      expect(Number(byte)).toBe(whole.length - 9);
      expect(values.length).toBeGreaterThan(1000);
      expect(Number(line)).toBeGreaterThanOrEqual(values.length);
    });

    it(`refuses data that are no ${encoding}, without bringing down the process`, async () => {
      const whole = packed(lines(0, 20_000));
      const broken = whole.map((byte, i) => i > 2000 && i < 2300 ? byte ^ 0x5a : byte);
      for (const body of [bytesOf(lines(0, 3)), broken, together(whole, bytesOf("more of it"))]) {
        const { error } = await take("ndjson", body, { encoding });
        expect(error).toBeInstanceOf(UserError);
        expect((error as UserError).message).toContain("Cannot decompress the body: ");
      }
    });

    it(`counts what comes out of ${encoding} against the limit, and stops reading`, async () => {
      const bomb = packed("x".repeat(50_000_000));
      const { error } = await take("ndjson", bomb, { encoding, maxBytes: 1_000_000 });
      expect(error).toBeInstanceOf(TooLargeError);
    });
  }

  for (const [encoding, packed] of [["gzip", gz], ["zstd", zst]] as const) {
    it(`refuses ${encoding} that is mostly repetition, naming the limit; what came before stays`, async () => {
      const body = together(packed(lines(0, 10)), packed("\n".repeat(4_000_000)));
      const { error, values } = await take("ndjson", body, { encoding });
      expect(error).toBeInstanceOf(TooLargeError);
      expect((error as UserError).message).toMatch(
        /^Cannot take the body: beyond its first MiB it may decompress to at most 200 times its size, got \d+ bytes from \d+;/,
      );
      expect(values.length).toBe(10);
    });
  }

  it("takes events that compress as events do", async () => {
    const { answer } = await take("ndjson", gz(lines(0, 30_000)), { encoding: "gzip" });
    expect(answer).toMatchObject({ accepted: 30_000, rejected_total: 0 });
  });

  it("checks zstd's checksum, passes over skippable frames and bounds its window", async () => {
    const files = new URL("../support/zstd/", import.meta.url);
    const file = (name: string) => Deno.readFile(new URL(name, files));
    const checked = await file("checksum.zst");
    expect((await take("ndjson", checked, { encoding: "zstd" })).answer!.accepted).toBe(2);
    const skippable = together(new Uint8Array([0x53, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2]), checked);
    expect((await take("ndjson", skippable, { encoding: "zstd" })).answer!.accepted).toBe(2);
    const wrong = checked.map((byte, i) => i === checked.length - 1 ? byte ^ 1 : byte);
    expect(String((await take("ndjson", wrong, { encoding: "zstd" })).error))
      .toContain("the checksum is not that of the data");
    expect(String((await take("ndjson", await file("window.zst"), { encoding: "zstd" })).error))
      .toContain("its window must be at most 8388608 bytes, got 134217728");
  });

  it("decompresses before it cuts rows: lines are counted in what a person sees", async () => {
    const text = "1::2::3::4\nbad\n1::3::3::4\n";
    expect(gunzipSync(gz(text)).toString()).toBe(text);
    const { answer } = await take("movielens", gz(text), { encoding: "gzip" });
    expect([answer!.accepted, answer!.rejected.map(({ line }) => line)]).toEqual([2, [2]]);
  });
});

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
      reason: `wanted at most 1 MiB, got ${long.length} bytes; its first 65536 are kept`,
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
