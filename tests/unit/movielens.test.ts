import { describe, expect, fc, it } from "testing";
import { lineBlocks, MAX_LINE_BYTES } from "../../runtime/sources/line_blocks.ts";
import { movielensFile } from "../../runtime/sources/movielens.ts";
import { ndjsonFile } from "../../runtime/sources/ndjson_file.ts";
import {
  checkFormat,
  type FileFormat,
  paced,
  type SourceChunk,
} from "../../runtime/sources/source.ts";

const ratingsFile = new URL("../../../shared/data/movietweetings/ratings.dat", import.meta.url);
const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

interface Rating {
  event_id: string;
  user_id: number;
  movie_id: number;
  event_type: string;
  timestamp: string;
  duration: null;
  rating: number;
}

async function* pieces(bytes: Uint8Array<ArrayBuffer>, sizeBytes = 65536) {
  for (let at = 0; at < bytes.length; at += sizeBytes) {
    yield await Promise.resolve(bytes.slice(at, at + sizeBytes));
  }
}

async function read(
  source: typeof movielensFile,
  text: string,
  { sizeBytes = 65536, chunkEvents = 10_000 } = {},
): Promise<SourceChunk[]> {
  const stream = pieces(bytesOf(text), sizeBytes);
  return await Array.fromAsync(source(stream, { name: "file", chunkEvents }));
}

const ratingsOf = (chunks: readonly SourceChunk[]): Rating[] =>
  chunks.flatMap(({ bytes }) => textOf(bytes).split("\n").filter(Boolean))
    .map((line) => JSON.parse(line));
const faultsOf = (chunks: readonly SourceChunk[]) => chunks.flatMap(({ faults }) => faults);

describe("movielensFile()", () => {
  it("turns a line into a rating whose id is made of the line's fields", async () => {
    const [rating] = ratingsOf(await read(movielensFile, "12::0816711::8.5::1381006850\r\n"));
    expect(rating).toEqual({
      event_id: "ml-12-816711-1381006850-8.5",
      user_id: 12,
      movie_id: 816711,
      event_type: "rating",
      timestamp: "2013-10-05T21:00:50Z",
      duration: null,
      rating: 8.5,
    });
  });

  it("tells a bad line with its number and what was wanted, and goes on", async () => {
    const lines = [
      "1::2::3::4",
      "1::2::x::4",
      "1::4294967296::3::4",
      "1::2::11::4",
      "1::2::3",
      "",
      "1::2::3::4::5",
      "1::2::3.::4",
      "1::2::3::99999999999",
      "-1::2::3::4",
      "2::2::3::4",
      "3::2::3::13810",
    ];
    const chunks = await read(movielensFile, lines.join("\n"));
    expect(ratingsOf(chunks).map(({ user_id }) => user_id)).toEqual([1, 2, 3]);
    expect(faultsOf(chunks).map(({ line, field }) => `${line} ${field}`)).toEqual([
      "2 rating",
      "3 movie",
      "4 rating",
      "5 rating",
      "7 seconds",
      "8 rating",
      "9 seconds",
      "10 user",
    ]);
    expect(faultsOf(chunks)[2].reason).toBe('wanted a rating of 0 to 10, got "1::2::11::4"');
    expect([1, 2].map((line) => chunks[0].lineOf(line))).toEqual([1, 11]);
    expect(chunks[1].lineOf(1)).toBe(12);
  });

  it("tells that a file ends within its last line", async () => {
    const chunks = await read(movielensFile, "1::2::3::4\n1::2::3::");
    expect(ratingsOf(chunks).length).toBe(1);
    expect(faultsOf(chunks)[0].line).toBe(2);
    expect(faultsOf(chunks)[0].reason).toContain("the file ends within this line");
  });

  it("gives the same events however the bytes come in pieces", async () => {
    const fields = fc.tuple(fc.nat(99999), fc.nat(9999999), fc.nat(20), fc.nat(2 ** 31));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fields, { maxLength: 30 }),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 10 }),
        async (rows, sizeBytes, chunkEvents) => {
          const text = rows.map(([user, movie, halves, seconds]) =>
            `${user}::${String(movie).padStart(7, "0")}::${halves / 2}::${seconds}\n`
          ).join("");
          const chunks = await read(movielensFile, text, { sizeBytes, chunkEvents });
          const found = ratingsOf(chunks).map((
            event,
          ) => [event.user_id, event.movie_id, event.rating, Date.parse(event.timestamp) / 1000]);
          expect(found).toEqual(
            rows.map(([user, movie, halves, at]) => [user, movie, halves / 2, at]),
          );
          expect(chunks.every(({ events }) => events <= chunkEvents)).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });

  it("reads the 100,000 ratings of MovieTweetings", async () => {
    using file = await Deno.open(ratingsFile);
    const chunks = await Array.fromAsync(
      movielensFile(file.readable, { name: "ratings.dat" }),
    );
    const ratings = ratingsOf(chunks);
    const times = ratings.map(({ timestamp }) => timestamp).sort();
    const byMovie = Map.groupBy(ratings, ({ movie_id }) => movie_id);
    const byHour = Map.groupBy(ratings, ({ timestamp }) => Number(timestamp.slice(11, 13)));
    expect(faultsOf(chunks)).toEqual([]);
    expect(chunks.at(-1)!.position).toBe((await Deno.stat(ratingsFile)).size);
    expect(ratings.length).toBe(100_000);
    expect(new Set(ratings.map(({ event_id }) => event_id)).size).toBe(100_000);
    expect(new Set(ratings.map(({ user_id }) => user_id)).size).toBe(16_554);
    expect(byMovie.size).toBe(10_506);
    expect([times[0], times.at(-1)]).toEqual(["2013-02-28T14:38:27Z", "2013-09-01T20:27:45Z"]);
    const most = byMovie.get(770828)!;
    expect([most.length, most.reduce((sum, { rating }) => sum + rating, 0)]).toEqual([1812, 14314]);
    expect([0, 7, 20, 23].map((hour) => byHour.get(hour)!.length)).toEqual([
      4398,
      2613,
      7230,
      5563,
    ]);
  });
});

describe("ndjsonFile()", () => {
  it("passes every byte and knows each line's number", async () => {
    const lines = fc.array(fc.string().map((text) => text.replace(/[\r\n\ufeff]/g, " ")));
    await fc.assert(
      fc.asyncProperty(lines, fc.nat(7), fc.nat(3), async (lines, size, events) => {
        const text = lines.join("\n");
        const chunks = await read(ndjsonFile, text, {
          sizeBytes: size + 1,
          chunkEvents: events + 1,
        });
        expect(chunks.map(({ bytes }) => textOf(bytes)).join("")).toBe(textOf(bytesOf(text)));
        for (const { bytes, lineOf } of chunks) {
          const first = textOf(bytes).split("\n")[0];
          expect(textOf(bytesOf(lines[lineOf(1) - 1]))).toBe(first);
        }
      }),
    );
  });

  it("leaves out a byte order mark and a line over 1 MiB, which it tells", async () => {
    const long = "x".repeat(MAX_LINE_BYTES + 100_000);
    const chunks = await read(ndjsonFile, `\ufeff{"a":1}\n${long}\n{"b":2}\n${long}`);
    expect(chunks.map(({ bytes }) => textOf(bytes)).join("")).toBe('{"a":1}\n{"b":2}\n');
    expect(faultsOf(chunks).map(({ line }) => line)).toEqual([2, 4]);
    const last = chunks.find(({ bytes }) => textOf(bytes).includes("b"))!;
    expect(last.lineOf(textOf(last.bytes).split("\n").indexOf('{"b":2}') + 1)).toBe(3);
  });
});

describe("lineBlocks()", () => {
  it("gives nothing for an empty stream", async () => {
    expect(await Array.fromAsync(lineBlocks(pieces(bytesOf(""))))).toEqual([]);
  });
});

describe("checkFormat()", () => {
  const check = (format: FileFormat, head: string | number[]) => () =>
    checkFormat(format, "a.dat", typeof head === "string" ? bytesOf(head) : new Uint8Array(head));

  it("takes the format it was told, whatever the faults of the first line", () => {
    expect(check("movielens", "x::y::z::t\n")).not.toThrow();
    expect(check("ndjson", '\n\ufeff{"half": \n')).not.toThrow();
  });

  it("names the line and what it looks like", () => {
    expect(check("movielens", '\n{"a":1}\n')).toThrow(
      'Cannot replay "a.dat": wanted lines user::movie::rating::seconds (movielens), line 2 looks ' +
        "like one JSON object per line (ndjson): pass --format ndjson",
    );
    expect(check("ndjson", "1::2::3::4")).toThrow("pass --format movielens");
    expect(check("ndjson", "[\n{}]")).toThrow("a JSON array");
    expect(check("movielens", "userId,movieId,rating,timestamp")).toThrow("a CSV file");
    expect(check("ndjson", [0x1f, 0x8b, 8, 0])).toThrow("gunzip");
    expect(check("ndjson", [0x50, 0x41, 0x52, 0x31, 0])).toThrow("Parquet");
    expect(check("movielens", [1, 2, 0, 3])).toThrow("a binary file");
    expect(check("movielens", "hello\n")).toThrow("line 1 looks like something else");
  });
});

describe("paced()", () => {
  it("keeps chunks to the rate", async () => {
    let now = 0;
    const clock = { now: () => now, sleep: (ms: number) => Promise.resolve(void (now += ms)) };
    const chunks = await read(ndjsonFile, "{}\n".repeat(1000), { chunkEvents: 100 });
    for await (const _ of paced(ReadableStream.from(chunks), { rate: 500, clock })) continue;
    expect(now).toBe(1800);
  });
});
