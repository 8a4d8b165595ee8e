import { gunzipSync, gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, fc, it } from "testing";
import { movieViewing } from "../../plugins/movie_viewing.schema.ts";
import { createIngest } from "../../runtime/engine/ingest.ts";
import { TooLargeError, UserError } from "../../runtime/std/errors.ts";
import { ratingsFile } from "../support/movietweetings.ts";
import { bytesOf, event, HEADER, streamOf, take } from "../support/ingesting.ts";
import { readAll } from "../support/log_reading.ts";
import { MemoryLog } from "../support/memory_log.ts";

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
        "4 : expected 8 cells, got 7",
        '5 user_id: user_id must be a whole number, got "one"',
        '6 : expected a comma behind the closing quote, got "2026-01-01T00:00:00Z,d,1,2,view,,,\\"x\\"y"',
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
    expect(answer!.rejected[0].reason).toMatch(/^expected at most 1 MiB, got 1048[56]\d\d bytes/);
    expect(values.filter((value) => value.startsWith(rows[100]))).toHaveLength(1);
    expect(values.at(-1)).toContain(`"event_id":"e${count - 1}"`);
  });

  it("refuses a header that lacks a field, or names one twice", async () => {
    const refused = async (header: string) => (await take("csv", `${header}\n1,2\n`)).error;
    expect(await refused("event_id,user_id")).toBeInstanceOf(UserError);
    expect(String(await refused("event_id,user_id"))).toContain(
      "expected a header that names movie_id, event_type, timestamp",
    );
    expect(String(await refused(`${HEADER},rating`))).toContain('got "rating" twice');
    expect(String(await refused(`${HEADER},"`))).toContain("expected a closing quote");
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
        "3 movie_id",
        "4 rating",
        "5 ",
        "7 ",
        "8 rating",
        "9 timestamp",
        "10 user",
      ]);
      expect(answer!.rejected[0].reason).toBe(
        `expected a number as rating, got ${JSON.stringify(lines[1])}`,
      );
      expect(answer!.rejected[2].reason).toBe("rating must be at most 10, got 11");
      // All are in the log: those that are no ratings as they came, the others as events.
      for (const line of [1, 4, 6, 7, 9]) expect(values).toContain(lines[line]);
      expect(values).toHaveLength(10);
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
  const bodies: [string, string][] = [
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

describe("bodies at the same time", () => {
  it("keep their events apart, though they share what decodes them", async () => {
    const log = new MemoryLog({ topic: movieViewing.topic, partitions: 3 });
    const append = log.append.bind(log);
    // Slow enough for the others' next batches to be decoded meanwhile.
    log.append = async (records) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return await append(records);
    };
    const ingest = createIngest([{ schema: movieViewing, log }]);
    const lines = (body: number) =>
      Array.from({ length: 200 }, (_, i) => JSON.stringify(event(`b${body}-${i}`, { user_id: i })));
    const bodies = Array.from({ length: 8 }, (_, body) => lines(body));
    const answers = await Promise.all(
      bodies.map((body) =>
        ingest.ingest(streamOf(bytesOf(body.join("\n")), 1500).stream, "ndjson", undefined)
      ),
    );
    expect(answers.map(({ accepted }) => accepted)).toEqual(bodies.map(() => 200));
    const stored = await Promise.all([0, 1, 2].map((partition) => readAll(log, partition)));
    expect(stored.flat().map(({ value }) => value).sort()).toEqual(bodies.flat().sort());
  });
});
