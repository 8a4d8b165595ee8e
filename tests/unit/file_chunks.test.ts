import { describe, expect, fc, it } from "testing";
import { MAX_VALUE_BYTES } from "../../runtime/decode/value_limit.ts";
import { fileChunks } from "../../runtime/sources/file_chunks.ts";
import { defineRowFormat, RowFault } from "../../runtime/row_format.ts";
import { checkFormat, fileFormats, recogniseFormat } from "../../runtime/sources/file_formats.ts";
import { paced, type SourceChunk } from "../../runtime/sources/source.ts";
import { ratingFormats } from "../support/movielens_formats.ts";

const formats = fileFormats(ratingFormats);
const formatNamed = (wanted: string) => formats.find(({ name }) => name === wanted)!;

const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function* pieces(bytes: Uint8Array<ArrayBuffer>, sizeBytes: number) {
  for (let at = 0; at < bytes.length; at += sizeBytes) {
    yield await Promise.resolve(bytes.slice(at, at + sizeBytes));
  }
}

function read(
  format: string,
  text: string,
  { sizeBytes = 65536, ...options }: { sizeBytes?: number } & Parameters<typeof fileChunks>[2] = {},
): Promise<SourceChunk[]> {
  return Array.fromAsync(
    fileChunks(pieces(bytesOf(text), sizeBytes), formatNamed(format), options),
  );
}

const faultsOf = (chunks: readonly SourceChunk[]) => chunks.flatMap(({ faults }) => faults);

describe("fileChunks()", () => {
  it("passes every line that is not blank, and knows its number", async () => {
    const lines = fc.array(fc.string().map((text) => text.replace(/[\r\n\ufeff]/g, " ")));
    const trimmed = (line: string) => textOf(bytesOf(line)).replace(/^[ \t]+|[ \t]+$/g, "");
    await fc.assert(
      fc.asyncProperty(lines, fc.nat(7), fc.nat(3), async (lines, size, events) => {
        const text = lines.join("\n");
        const options = { sizeBytes: size + 1, chunkEvents: events + 1 };
        const chunks = await read("ndjson", text, options);
        const wanted = lines.map(trimmed).filter((line) => line !== "");
        const sent = chunks.flatMap(({ bytes }) => textOf(bytes).split("\n").slice(0, -1));
        expect(sent).toEqual(wanted);
        expect(chunks.every((chunk) => chunk.events <= options.chunkEvents)).toBe(true);
        for (const { bytes, lineOf } of chunks) {
          for (const [i, line] of textOf(bytes).split("\n").slice(0, -1).entries()) {
            expect(trimmed(lines[lineOf(i + 1) - 1])).toBe(line);
          }
        }
      }),
    );
  });

  it("cuts CSV between rows, each chunk with the header, and knows each row's line", async () => {
    const cell = fc.string({ unit: fc.constantFrom(...'ab\n\r",') })
      .map((text) => /[\n\r",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const row = fc.tuple(cell, cell).map(([a, b]) => `x${a},${b}`.replace(/^x"/, '"x'));
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 4 }),
        async (rows, sizeBytes, chunkEvents) => {
          const header = '"one\ntwo",three\n';
          const text = header + rows.join("\n");
          const chunks = await read("csv", text, { sizeBytes, chunkEvents });
          const bodies = chunks.map(({ bytes }) => textOf(bytes));
          expect(bodies.every((body) => body.startsWith(header))).toBe(true);
          expect(bodies.map((body) => body.slice(header.length)).join(""))
            .toBe(rows.map((row) => `${row}\n`).join(""));
          expect(chunks.reduce((sum, { events }) => sum + events, 0)).toBe(rows.length);
          for (const { bytes, lineOf } of chunks) {
            // Line 3 of a chunk is the first behind the header's two.
            const behind = text.split("\n").slice(lineOf(3) - 1).join("\n");
            expect(`${behind}\n`.startsWith(textOf(bytes).slice(header.length))).toBe(true);
          }
        },
      ),
    );
  });

  it("leaves out a byte order mark and a line over 1 MiB, which it tells", async () => {
    const long = "x".repeat(MAX_VALUE_BYTES + 100_000);
    const chunks = await read("ndjson", `\ufeff{"a":1}\n${long}\n{"b":2}\n${long}`);
    expect(chunks.map(({ bytes }) => textOf(bytes)).join("")).toBe('{"a":1}\n{"b":2}\n');
    expect(faultsOf(chunks).map(({ line }) => line)).toEqual([2, 4]);
    const last = chunks.find(({ bytes }) => textOf(bytes).includes("b"))!;
    expect(last.lineOf(textOf(last.bytes).split("\n").indexOf('{"b":2}') + 1)).toBe(3);
    const slowly = await read("csv", "\ufeffa,b\n1,2\n", { sizeBytes: 1 });
    expect(slowly.map(({ bytes }) => textOf(bytes)).join("")).toBe("a,b\n1,2\n");
  });

  it("finds its way back to rows behind a quote that is never closed", async () => {
    const lines = 'a,b\n1,2\n3,"4\n' + "5,6\n".repeat(MAX_VALUE_BYTES / 4) + "7,8\n9,10\n";
    const chunks = await read("csv", lines);
    const sent = chunks.map(({ bytes }) => textOf(bytes)).join("");
    expect(sent).toContain("1,2\n");
    expect(sent.endsWith("9,10\n")).toBe(true);
    const [rest] = chunks.slice(-1);
    const line = textOf(rest.bytes).split("\n").indexOf("9,10") + 1;
    expect(lines.split("\n")[rest.lineOf(line) - 1]).toBe("9,10");
  });

  it("tells the last line where the file ends within it", async () => {
    const ends = async (text: string) => (await read("ndjson", text)).at(-1)!.openLine;
    expect([await ends("{}\n{}\n{"), await ends("{}\n{}\n")]).toEqual([3, null]);
  });

  it("gives nothing for an empty stream", async () => {
    expect(await read("ndjson", "")).toEqual([]);
  });

  it("ends a chunk where event time has gone on too far, in every format", async () => {
    const at = [0, 500, 900, 1100, 300, 2500, 2600];
    const iso = (ms: number) => new Date(ms).toISOString();
    const files: [string, string][] = [
      ["ndjson", at.map((ms) => `{"at":"${iso(ms)}"}\n`).join("")],
      ["csv", "n,at\n" + at.map((ms) => `"a,""b",${iso(ms)}\r\n`).join("")],
    ];
    for (const [format, text] of files) {
      const chunks = await read(format, text, { byTime: { field: "at", spanMs: 1000 } });
      const told = chunks.map(({ events, eventMs }) => [events, eventMs]);
      expect([format, told]).toEqual([format, [[3, 0], [2, 1100], [2, 2500]]]);
    }
    for (const [format, between] of [["movielens", "::"], ["movielens-tab", "\t"]] as const) {
      const text = [10, 11, 13, 12, 14].map((s) => [1, 2, 3, s].join(between) + "\n").join("");
      const chunks = await read(format, text, { byTime: { field: "", spanMs: 1000 } });
      expect(chunks.map(({ eventMs }) => eventMs)).toEqual([10_000, 13_000]);
    }
  });
});

describe("checkFormat()", () => {
  const check = (format: string, head: string | number[]) => () =>
    checkFormat(
      formatNamed(format),
      "a.dat",
      typeof head === "string" ? bytesOf(head) : new Uint8Array(head),
      formats,
    );

  it("takes the format it was told, whatever the faults of the first line", () => {
    expect(check("movielens", "x::y::z::t\n")).not.toThrow();
    expect(check("movielens-tab", "196\t242\t3\t881250949\n")).not.toThrow();
    expect(check("movielens-csv", "userId,movieId,rating,timestamp\r\n1,2,3.5,4")).not.toThrow();
    expect(check("movielens-csv", "1,2,3.5,4\n")).not.toThrow();
    expect(check("csv", "event_id,user_id\n1,2")).not.toThrow();
    expect(check("ndjson", '\n\ufeff{"half": \n')).not.toThrow();
  });

  it("takes a format that recognises nothing where it is asked for, but no binary file", () => {
    const { source } = ratingFormats[0];
    const parse = () => new RowFault("", "nothing");
    const silent = defineRowFormat(source, { name: "silent", summary: "anything", parse });
    const [format] = fileFormats([silent]);
    const checked = (head: number[]) => () =>
      checkFormat(format, "a", new Uint8Array(head), formats);
    expect(checked([0x7b, 0x0a])).not.toThrow();
    expect(checked([0, 1])).toThrow("expected anything (silent), line 1 looks like a binary file");
    expect(recogniseFormat(bytesOf("x\n"), [format])).toBe(null);
  });

  it("names the line and what it looks like", () => {
    expect(check("movielens", '\n{"a":1}\n')).toThrow(
      'Cannot replay "a.dat": expected ratings of MovieLens, user::movie::rating::seconds (movielens), line 2 looks ' +
        "like one JSON object per line (ndjson): pass --format ndjson",
    );
    expect(check("ndjson", "1::2::3::4")).toThrow("pass --format movielens");
    expect(check("ndjson", "[\n{}]")).toThrow("a JSON array");
    expect(check("movielens", "userId,movieId,rating,timestamp")).toThrow("movielens-csv");
    expect(check("ndjson", "a,b\n1,2")).toThrow("pass --format csv");
    expect(check("ndjson", [0x50, 0x41, 0x52, 0x31, 0])).toThrow("Parquet");
    expect(check("movielens", [1, 2, 0, 3])).toThrow("a binary file");
    expect(check("movielens", "hello\n")).toThrow("line 1 looks like something else");
  });
});

describe("paced()", () => {
  /** When chunks went through, in milliseconds since the first. */
  async function times(
    chunks: readonly Pick<SourceChunk, "events" | "eventMs">[],
    pace: { rate: number | null; speed: number | null },
  ): Promise<number[]> {
    let now = 1_000_000;
    const clock = { now: () => now, sleep: (ms: number) => Promise.resolve(void (now += ms)) };
    const passed: number[] = [];
    const stream = ReadableStream.from(chunks as readonly SourceChunk[]);
    for await (const _ of paced(stream, { ...pace, clock })) passed.push(now - 1_000_000);
    return passed;
  }

  it("keeps chunks to the rate", async () => {
    const chunks = Array(4).fill({ events: 100, eventMs: null });
    expect(await times(chunks, { rate: 500, speed: null })).toEqual([0, 200, 400, 600]);
  });

  it("keeps chunks to event time, however long that is", async () => {
    const day = 86_400_000;
    const chunks = [5000, 65_000, 65_000, 5000 + 60 * day].map((eventMs) => ({
      events: 1,
      eventMs,
    }));
    expect(await times(chunks, { rate: null, speed: 60 })).toEqual([0, 1000, 1000, day]);
    expect(await times(chunks, { rate: null, speed: 1 })).toEqual([0, 60_000, 60_000, 60 * day]);
  });
});
